/** `npm run kills -- [N]`: the whole system killed N times (50) on each engine, and a recount; as `npm test` does five times. */
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const [asked = '50', ...rest] = process.argv.slice(2)
const kills = /^\d{1,4}$/.test(asked) ? Number(asked) : 0
if (kills < 1 || rest.length > 0) {
  process.stderr.write('npm run kills -- [N]: N is how often the system is killed, 1 to 9999; 50 if left out.\n')
  process.exit(asked === '--help' || asked === '-h' ? 0 : 2)
}
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs')
const env = { ...process.env, FAIRLEAD_KILLS: String(kills) }
const { status } = spawnSync(process.execPath, [vitest, 'run', 'test/end-to-end/kill.test.ts'], {
  env,
  stdio: 'inherit',
})
process.exit(status ?? 1)
