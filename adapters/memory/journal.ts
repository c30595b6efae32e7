/**
 * An append-only journal: one JSON line per commit, handed to the operating system before the commit is answered, so
 * that a killed process loses nothing (a power cut may lose the last moments: no fsync). A torn last line is a commit
 * that nobody was told of, and is dropped. It does not guard its file against a second process.
 */
import { closeSync, existsSync, ftruncateSync, openSync, readSync, renameSync, writeSync } from 'node:fs'
import type { Change } from './change.ts'

const bytesToo = (_: string, v: unknown): unknown =>
  v instanceof Uint8Array ? { $bytes: Buffer.from(v).toString('base64') } : v
/** Only a pool's ledger holds bytes; to look for some in every job would take longer than to write it. */
const encode = (changes: readonly Change[]): string =>
  JSON.stringify(changes, changes.some(({ table }) => table === 'capacity') ? bytesToo : undefined)
const decode = (line: string): unknown =>
  JSON.parse(line, (_, v) => (typeof v?.$bytes === 'string' ? Uint8Array.from(Buffer.from(v.$bytes, 'base64')) : v))

export class CorruptJournal extends Error {
  readonly code = 'corrupt-journal'
  constructor(file: string, line: number, cause: unknown) {
    super(`${file}: line ${line} does not parse; restore the file, or start afresh with --reset`, { cause })
  }
}

/** Bytes read at once; a whole file may be longer than the longest string there is. */
const CHUNK = 1 << 20
/** A compacted line is about this long, for the same reason. */
const LINE = 1 << 20
/** Below this a journal is read in a second or so, however little of it is still true. */
const LONG_FROM = 64 << 20

export class Journal {
  private fd: number | undefined
  private bytes = 0
  private compacted = 0

  constructor(
    private readonly file: string,
    private readonly longFrom = LONG_FROM,
  ) {}

  *commits(): Generator<Change[]> {
    let number = 0
    for (const line of existsSync(this.file) ? linesOf(this.file) : []) {
      number++
      try {
        yield decode(line) as Change[]
      } catch (error) {
        throw new CorruptJournal(this.file, number, error)
      }
    }
  }

  /** Starts the file anew from what stands; the old one is replaced in one step. */
  compact(changes: Iterable<Change>): void {
    const fresh = `${this.file}.new`
    const bytes = writeFresh(fresh, packed(changes))
    // Windows replaces no file that is open.
    this.close()
    try {
      renameSync(fresh, this.file)
      this.bytes = this.compacted = bytes
    } finally {
      this.fd = openSync(this.file, 'a', 0o600)
    }
  }

  /**
   * Once most of it is about what has changed since: rewriting it then costs no commit more than its share. A rewriting
   * that fails is no failure of the commit before it; the old file goes on.
   */
  compactIfLong(changes: () => Iterable<Change>): void {
    if (this.bytes <= Math.max(this.longFrom, 2 * this.compacted)) return
    try {
      this.compact(changes())
    } catch {
      this.compacted = this.bytes
    }
  }

  /** What was written in part is taken back: the next line must not continue it. */
  append(changes: readonly Change[]): void {
    const fd = this.fd as number
    try {
      this.bytes += writeAll(fd, `${encode(changes)}\n`)
    } catch (error) {
      ftruncateSync(fd, this.bytes)
      throw error
    }
  }

  close(): void {
    if (this.fd !== undefined) closeSync(this.fd)
    this.fd = undefined
  }
}

function* linesOf(file: string): Generator<string> {
  const fd = openSync(file, 'r')
  try {
    const chunk = Buffer.alloc(CHUNK)
    let rest = Buffer.alloc(0)
    for (let read = readSync(fd, chunk); read > 0; read = readSync(fd, chunk)) {
      let text = Buffer.concat([rest, chunk.subarray(0, read)])
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        yield text.toString('utf8', 0, end)
        text = text.subarray(end + 1)
      }
      // Behind the last newline there is nothing, or a torn commit.
      rest = text
    }
  } finally {
    closeSync(fd)
  }
}

/** Changes as lines of several. */
function* packed(changes: Iterable<Change>): Generator<string> {
  let line: string[] = []
  let length = 0
  for (const change of changes) {
    const text = encode([change]).slice(1, -1)
    line.push(text)
    length += text.length
    if (length < LINE) continue
    yield `[${line.join(',')}]\n`
    line = []
    length = 0
  }
  if (line.length > 0) yield `[${line.join(',')}]\n`
}

function writeFresh(file: string, lines: Iterable<string>): number {
  const fd = openSync(file, 'w', 0o600)
  let bytes = 0
  try {
    for (const line of lines) bytes += writeAll(fd, line)
  } finally {
    closeSync(fd)
  }
  return bytes
}

/** A full disk takes a part, and says no only to the rest. */
function writeAll(fd: number, text: string): number {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
  return bytes.length
}
