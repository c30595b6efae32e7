/** A process of the bench with one order and one answer over IPC. It dies with us, and we never wait for it forever. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { QUIET } from './processes.ts'

export interface Forked<Answer> {
  readonly answer: Promise<Answer>
  stop(): void
}

export function forked<Order extends object, Answer>(file: string, order: Order, atMostMs: number): Forked<Answer> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), {
    execArgv: ['--import', 'tsx'],
    env: QUIET,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  child.send(order)
  const answer = answerOf<Answer>(child, `${file} did not answer within ${atMostMs} ms`, atMostMs)
  // Whoever stops a process before its answer does not wait for it.
  answer.catch(() => undefined)
  return { answer, stop: () => void child.kill('SIGKILL') }
}

const answerOf = <Answer>(child: ChildProcess, late: string, atMostMs: number): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(late))
    }, atMostMs)
    child.once('message', (said) => resolve(said as Answer))
    child.once('exit', (code) => {
      clearTimeout(timer)
      reject(new Error(`the process ended with ${code} before it answered`))
    })
    child.once('error', reject)
  })

/** The other end, in the process itself: takes its one order, answers, and ends. */
export function obey<Order, Answer>(serve: (order: Order) => Promise<Answer>): void {
  process.once('message', (order: Order) => {
    serve(order).then(
      (answer) => process.send?.(answer, () => process.exit(0)),
      (error: Error) => {
        process.stderr.write(`${error.stack}\n`)
        process.exit(1)
      },
    )
  })
  process.once('disconnect', () => process.exit(1))
}
