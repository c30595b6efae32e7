/** What happened, folded into one number as it happens: two runs of a seed are the same if and only if theirs are. */
const SPACE = ' '.charCodeAt(0)

export class Trace {
  private a = 0x811c9dc5
  private b = 0x1b873593
  /** The last lines, kept only when somebody wants to read them. */
  readonly lines: string[] = []

  constructor(private readonly keepLines = false) {}

  /** A line in words: put together only for a reader, as each would be a text of its own to make and to walk. */
  add(time: number, ...words: readonly string[]): void {
    this.fold(time % 0x7fffffff)
    for (let n = 0; n < words.length; n++) {
      const word = words[n] as string
      if (n > 0) this.fold(SPACE)
      for (let i = 0; i < word.length; i++) this.fold(word.charCodeAt(i))
    }
    if (this.keepLines) this.lines.push([time, ...words].join(' '))
  }

  private fold(n: number): void {
    this.a = Math.imul(this.a ^ n, 0x01000193)
    this.b = Math.imul(this.b ^ n, 0x5bd1e995) ^ (this.b >>> 13)
  }

  get hash(): string {
    const hex = (n: number) => (n >>> 0).toString(16).padStart(8, '0')
    return hex(this.a) + hex(this.b)
  }
}
