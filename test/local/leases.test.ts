import { expect, test } from 'vitest'
import { memoryCapacityStore } from '../../adapters/memory/capacity-store.ts'
import { MemoryTables } from '../../adapters/memory/tables.ts'
import { LEASE_MS } from '../../core/lease.ts'
import { freeLeases } from '../../local/leases.ts'
import { NOW } from '../support/records.ts'

async function afterAKill() {
  const capacity = memoryCapacityStore(new MemoryTables())
  const held = await capacity.acquire({ pool: 'main', holder: 'dead', now: NOW, leaseMs: LEASE_MS })
  if (held.kind !== 'held') throw new Error('the lease was free')
  const record = { ...held.record, version: held.record.version + 1, lastSlot: NOW + 500, clock: 7 }
  await capacity.write({ pool: 'main', record })
  return { capacity, record }
}

test("a start takes a dead holder's lease away, so that the next one need not wait until it runs out", async () => {
  const { capacity } = await afterAKill()
  expect(await capacity.acquire({ pool: 'main', holder: 'next', now: NOW + 1, leaseMs: 1 })).toMatchObject({
    kind: 'taken',
  })
  await freeLeases(capacity, ['main'])
  expect(await capacity.acquire({ pool: 'main', holder: 'next', now: NOW + 1, leaseMs: 1 })).toMatchObject({
    kind: 'held',
  })
})

test('the dead holder can write no more, and what it permitted stays', async () => {
  const { capacity, record } = await afterAKill()
  await freeLeases(capacity, ['main'])
  expect(await capacity.write({ pool: 'main', record: { ...record, version: record.version + 1 } })).toBe('lost')
  const next = await capacity.acquire({ pool: 'main', holder: 'next', now: NOW + 1, leaseMs: 1 })
  expect(next).toMatchObject({ record: { lastSlot: NOW + 500, clock: 7 } })
})

test('a lease that is free, and a pool that never had one, stay as they are', async () => {
  const { capacity, record } = await afterAKill()
  await capacity.write({ pool: 'main', record: { ...record, version: record.version + 1, state: 'free' } })
  const before = await capacity.lease({ pool: 'main' })
  await freeLeases(capacity, ['main', 'new'])
  expect(await capacity.lease({ pool: 'main' })).toEqual(before)
  expect(await capacity.lease({ pool: 'new' })).toBeUndefined()
})
