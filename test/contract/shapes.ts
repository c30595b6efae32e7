/** How each sort of record is read from its stored shape, and written to it today: by the first part of a fixture's name. */
import {
  approvalKey,
  bellKey,
  draftKey,
  endKey,
  ledgerKey,
  overridesKey,
  overviewKey,
  ownerKey,
  stopKey,
} from '../../adapters/keys.ts'
import {
  atItem,
  expiring,
  fromInputItem,
  fromLiveItem,
  fromStopItem,
  type Item,
  inputItem,
  leaderItem,
  leaderOf,
  liveItem,
  overridesOf,
  parseRecord,
  partsOf,
  stored,
} from '../../adapters/records.ts'
import { ownerItem, readBells, readOwner, readOwnerRecord } from '../../adapters/ring-records.ts'
import type { Bell } from '../../core/bell.ts'
import { Approval, Draft, End, type JobInput, type Leader, type LiveKey, type LiveRecord } from '../../core/job.ts'
import { LedgerRecord } from '../../core/ledger-record.ts'
import type { Overrides } from '../../core/overrides.ts'
import { Overview } from '../../core/overview.ts'
import type { OwnerRecord } from '../../core/owner-record.ts'
import type { OwnerTurns } from '../../core/turns.ts'
import type { StopRecord } from '../../services/ports.ts'
import { anInput, aQueued, NOW, POOL } from '../support/records.ts'

interface Shape {
  read(item: Item): unknown
  write(record: never): Item
}

export const SHAPES: Readonly<Record<string, Shape>> = {
  live: { read: fromLiveItem, write: (r: LiveRecord) => liveItem(r) },
  input: { read: fromInputItem, write: (r: JobInput) => inputItem(r) },
  at: {
    read: (item) => partsOf([item, inputItem(anInput())], NOW)?.at,
    write: (key: LiveKey) => atItem(aQueued({ key })),
  },
  end: { read: (item) => parseRecord<End>(End, item), write: (r: End) => expiring(endKey(r.jobId), r) },
  draft: {
    read: (item) => parseRecord<Draft>(Draft, item),
    write: (r: Draft) => expiring(draftKey(r.jobId, r.version), r),
  },
  approval: {
    read: (item) => parseRecord<Approval>(Approval, item),
    write: (r: Approval) => stored(approvalKey(r.jobId, r.version), r),
  },
  bell: { read: (item) => readBells([item]).bells[0], write: (r: Bell) => stored(bellKey(POOL, r.id), r) },
  owner: { read: readOwner, write: (r: OwnerTurns) => stored(ownerKey(POOL, r.owner), r) },
  kept: { read: readOwnerRecord, write: (r: OwnerRecord) => ownerItem(POOL, r) },
  ledger: {
    read: (item) => parseRecord<LedgerRecord>(LedgerRecord, item),
    write: (r: LedgerRecord) => stored(ledgerKey(POOL), r),
  },
  overview: {
    read: (item) => parseRecord<Overview>(Overview, item),
    write: (r: Overview) => stored(overviewKey(POOL), r),
  },
  leader: { read: (item) => leaderOf(item, NOW), write: (r: Leader) => leaderItem(r) },
  settings: { read: overridesOf, write: (r: Overrides) => stored(overridesKey(POOL), r) },
  stop: { read: fromStopItem, write: (r: StopRecord) => stored(stopKey(POOL), r) },
}
