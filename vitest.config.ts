import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Files that keep nothing in a module or in their process: they share both, loaded once and optimised already. */
const SHARING = [
  'test/core/**/*.test.ts',
  'test/lambdas/**/*.test.ts',
  'test/model/**/*.test.ts',
  'test/services/**/*.test.ts',
]

/**
 * Whatever begins last should be short, or one core waits for it. The first keeps two processes of its own busy; the
 * three that follow mostly wait.
 */
const LONGEST = [
  'simulation/schedules',
  'local/start',
  'end-to-end/kill',
  'dynamodb/tables',
  'simulation/planted-bugs',
  'lib/bundled',
]

function place({ moduleId, project }: TestSpecification): number {
  const long = LONGEST.findIndex((name) => moduleId.endsWith(`${name}.test.ts`))
  if (long >= 0) return long
  // A process is handed on only to the next file.
  return LONGEST.length + (project.config.isolate ? 0 : 1)
}

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).sort((a, b) => place(a) - place(b))
  }
}

const within = { testTimeout: 60_000, hookTimeout: 60_000 }

export default defineConfig({
  test: {
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    projects: [
      { test: { ...within, name: 'alone', include: ['test/**/*.test.ts'], exclude: SHARING } },
      { test: { ...within, name: 'sharing', include: SHARING, isolate: false } },
    ],
  },
})
