/** Ends of jobs as events on an EventBridge bus: ids and outcomes, never content. */
import { type EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge'
import type { EventPort, JobEvent } from '../../services/ports.ts'

const EVENTS_PER_REQUEST = 10

export function eventBridgeEvents(p: { client: EventBridgeClient; bus: string; source: string }): EventPort {
  const putTen = async (events: readonly JobEvent[]): Promise<JobEvent[]> => {
    const Entries = events.map((e) => ({
      EventBusName: p.bus,
      Source: p.source,
      DetailType: `job ${e.outcome}`,
      Time: new Date(e.endedAt),
      Detail: JSON.stringify(e),
    }))
    const done = await p.client.send(new PutEventsCommand({ Entries }))
    return events.filter((_, i) => done.Entries?.[i]?.ErrorCode !== undefined)
  }
  return {
    async publish({ events }) {
      const failed: JobEvent[] = []
      for (let i = 0; i < events.length; i += EVENTS_PER_REQUEST)
        failed.push(...(await putTen(events.slice(i, i + EVENTS_PER_REQUEST))))
      return { failed }
    },
  }
}
