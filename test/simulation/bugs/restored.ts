/** Mistakes that show only where tables were restored from a backup. */
import type { Bug } from './bug.ts'

export const RESTORED_BUGS: readonly Bug[] = [
  {
    name: 'a ledger that begins anew begins with the first epoch',
    file: 'core/lease.ts',
    find: '{ epoch: Math.floor(p.now), version: 1 }',
    replace: '{ epoch: 1, version: 1 }',
    seed: 28109,
  },
  {
    name: 'a window that is waited for first is waited for by each holder anew',
    file: 'services/dispatch/tick.ts',
    find: ' || (!h.record.ledger && h.ring.busy.size > 0)',
    replace: '',
    seed: 21857,
  },
  {
    name: 'a ledger without history begins empty, whatever the settings say',
    file: 'core/ledger-record.ts',
    find: "p.history === 'full' ? fullLedger(p.shape, p.now) : emptyLedger(p.shape, p.now)",
    replace: 'emptyLedger(p.shape, p.now)',
    seed: 51249,
  },
  {
    name: 'a picture of a ledger that began anew does not take the place of the last one before',
    file: 'core/overview.ts',
    find: ' ||\n  old.at < fresh.at - REPLACED_AFTER_MS',
    replace: '',
    seed: 10950,
  },
]
