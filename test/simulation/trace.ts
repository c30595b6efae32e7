/** What happened, folded into one number as it happens: two runs of a seed are the same if and only if theirs are. */
export class Trace {
  private a = 0x811c9dc5
  private b = 0x1b873593
  /** The last lines, kept only when somebody wants to read them. */
  readonly lines: string[] = []

  constructor(private readonly keepLines = false) {}

  add(time: number, line: string): void {
    this.fold(time % 0x7fffffff)
    for (let i = 0; i < line.length; i++) this.fold(line.charCodeAt(i))
    if (this.keepLines) this.lines.push(`${time} ${line}`)
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
