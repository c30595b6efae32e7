/** A process to be killed: enters job after job, and says so once each has been answered. Run by journal.test.ts. */
import { Journal } from '../../adapters/memory/journal.ts'
import { MemoryTables } from '../../adapters/memory/tables.ts'
import { memoryStores } from '../support/engines.ts'
import { aKey, aQueued } from '../support/records.ts'

const { jobs } = memoryStores(new MemoryTables(new Journal(process.argv[2] as string)))
for (let i = 0; ; i++) {
  await jobs.enter({ record: aQueued({ key: aKey({ jobId: `job-${i}` }) }) })
  process.stdout.write(`${i}\n`)
  if (i % 100 === 99) await new Promise(setImmediate)
}
