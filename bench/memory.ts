/** Resident memory of a process and of all that it started: pages that several share are counted for each. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

interface Row {
  readonly pid: number
  readonly parent: number
  readonly rssKb: number
}

export function rssMbOf(root: number): number {
  const rows = process.platform === 'linux' ? fromProc() : fromPs()
  const tree = new Set([root])
  for (let size = 0; size < tree.size; ) {
    size = tree.size
    for (const row of rows) if (tree.has(row.parent)) tree.add(row.pid)
  }
  return rows.reduce((kb, row) => kb + (tree.has(row.pid) ? row.rssKb : 0), 0) / 1024
}

const fromProc = (): Row[] =>
  readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      const status = readFileSync(`/proc/${name}/status`, 'utf8')
      const field = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0)
      return [{ pid: Number(name), parent: field('PPid'), rssKb: field('VmRSS') }]
    } catch {
      // It ended meanwhile.
      return []
    }
  })

const fromPs = (): Row[] =>
  execFileSync('ps', ['-A', '-o', 'pid=,ppid=,rss='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => {
      const [pid = 0, parent = 0, rssKb = 0] = line.trim().split(/\s+/).map(Number)
      return { pid, parent, rssKb }
    })
