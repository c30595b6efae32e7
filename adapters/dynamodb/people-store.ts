/**
 * What people have of a pool's capacity, in one item. Each change is one conditional update, so that many take at once
 * without reading first; where a condition fails, the item that stood in the way says why.
 */
import { GetCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { type Cost, DIMENSIONS } from '../../core/cost.ts'
import { cappedBy, emptyPeople, isOf, PeopleRecord, STAND_AT_MOST } from '../../core/people.ts'
import type { AskedPermit, Capped, PeopleStore } from '../../services/ports.ts'
import { peopleKey } from '../keys.ts'
import { type Item, parseRecord, stored } from '../records.ts'
import { ABSENT, ALL_OLD } from './conditions.ts'
import { changeOf, Update } from './people-update.ts'
import { standing, type Tables, write } from './tables.ts'

const parsed = (item: Item): PeopleRecord => parseRecord<PeopleRecord>(PeopleRecord, item)

export function dynamoPeopleStore({ db, name }: Tables): PeopleStore {
  const read = async (pool: string): Promise<PeopleRecord | undefined> => {
    const get = new GetCommand({ TableName: name.capacity, Key: peopleKey(pool), ConsistentRead: true })
    const { Item } = await db.send(get)
    return Item && parsed(Item as Item)
  }
  /** The record as it stands after the update; where its condition failed, `stood` as it was. */
  const update = async (pool: string, u: Update) => {
    const command = new UpdateCommand({
      TableName: name.capacity,
      Key: peopleKey(pool),
      ...u.expressions(),
      ...ALL_OLD,
      ReturnValues: 'ALL_NEW',
    })
    try {
      const { Attributes } = await write(() => db.send(command))
      return { done: true, record: parsed(Attributes as Item) } as const
    } catch (error) {
      const item = standing(error)
      return { done: false, stood: item && parsed(item) } as const
    }
  }
  const create = async (pool: string, record: PeopleRecord): Promise<void> => {
    const put = { TableName: name.capacity, Item: stored(peopleKey(pool), record), ConditionExpression: ABSENT }
    await write(() => db.send(new PutCommand(put))).catch(standing)
  }
  return {
    async hold({ pool, epoch }) {
      const mine = new Update().when('epoch < :', epoch).set('epoch', epoch).plus('seq', 1)
      for (const d of DIMENSIONS) mine.set(`stock.${d}`, 0)
      const held = await update(pool, mine)
      if (held.done) return held.record
      // Landed already, its answer lost.
      if (held.stood?.epoch === epoch) return held.stood
      if (held.stood) throw new Error(`people's permits of ${pool} are held under a later lease`)
      await create(pool, emptyPeople(epoch, 0))
      return (await read(pool)) as PeopleRecord
    },
    read: ({ pool }) => read(pool),
    async write({ pool, ...p }) {
      const done = await update(pool, changeOf(p))
      if (done.done) return { kind: 'written', record: done.record }
      if (done.stood && isOf(done.stood, p)) return { kind: 'written', record: done.stood }
      return { kind: done.stood?.epoch === p.epoch ? 'stale' : 'lost' }
    },
    async take(p) {
      const { cost } = p.permit
      const taken = entering(p).when('goodUntil > :', p.now).when('waiting = :', 0)
      for (const d of DIMENSIONS) if (cost[d] > 0) taken.when(`stock.${d} >= :`, cost[d]).plus(`stock.${d}`, -cost[d])
      const { done, stood } = { stood: undefined, ...(await update(p.pool, taken)) }
      return done || stood?.permits[p.id] ? 'granted' : (refusedBy(stood, p) ?? 'empty')
    },
    async join(p) {
      for (;;) {
        const joined = await update(p.pool, entering(p).when('waiting < :', p.atMost).plus('waiting', 1))
        if (joined.done || joined.stood?.permits[p.id]) return 'joined'
        if (joined.stood) return refusedBy(joined.stood, p) ?? 'full'
        await create(p.pool, emptyPeople(0, 0))
      }
    },
    async ask({ pool, id, asksUntil }) {
      await update(pool, new Update().waits(id).set(`permits.${id}.asksUntil`, asksUntil))
    },
    async leave({ pool, id, person }) {
      const { done } = await update(pool, new Update().waits(id).over({ id, person, waiting: true }))
      return done ? 'left' : 'not-waiting'
    },
    async close({ pool, id, at, cost }) {
      const closed = `permits.${id}.closed`
      const u = new Update()
        .there(`permits.${id}.grantedAt`)
        .absent(closed)
        .set(closed, { at, cost: plain(cost) })
      const { done, stood } = { stood: undefined, ...(await update(pool, u)) }
      return done || stood?.permits[id]?.closed?.at === at ? 'closed' : 'gone'
    },
  }
}

const plain = ({ requests, tokens, input, output }: Cost): Cost => ({ requests, tokens, input, output })

function entering({ id, permit, caps }: AskedPermit): Update {
  const { person } = permit
  return new Update()
    .absent(`permits.${id}`)
    .fewer('permits', STAND_AT_MOST)
    .set(`permits.${id}`, permit)
    .below(`open.${person}`, caps.open)
    .raise(`open.${person}`)
    .below(`took.${person}`, caps.calls)
    .raise(`took.${person}`)
}

const refusedBy = (stood: PeopleRecord | undefined, p: AskedPermit): Capped | undefined =>
  stood && cappedBy(stood, p.permit.person, p.caps)
