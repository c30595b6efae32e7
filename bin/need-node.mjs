/** Ends with one line on a Node that is too old; the numbers are package.json's `engines`. */
const LEAST = [20, 19]

export function needNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > LEAST[0] || (major === LEAST[0] && minor >= LEAST[1])) return
  process.stderr.write(
    `Fairlead needs Node ${LEAST.join('.')} or later; this is ${process.versions.node}. Install a newer one from https://nodejs.org.\n`,
  )
  process.exit(1)
}
