/**
 * runc for a machine that lacks a capability itself, as some virtual ones do: a privileged container
 * gets all that there are, where runc alone would refuse it.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Number of `CAP_SYS_RESOURCE` in `<linux/capability.h>`. */
const SYS_RESOURCE = 24n

const WRAPPER = `#!/bin/sh
strip() {
  [ ! -e "$1" ] || sed -i 's/"CAP_SYS_RESOURCE",//g; s/,"CAP_SYS_RESOURCE"//g' "$1"
}
for word; do
  case $last in
  --bundle | -b) strip "$word/config.json" ;;
  --process | -p) strip "$word" ;;
  esac
  last=$word
done
exec runc "$@"
`

/** The path of a runtime that can run what the machine can run. */
export function makeRuntime(directory: string): string {
  const path = join(directory, 'runc')
  writeFileSync(path, isWhole() ? '#!/bin/sh\nexec runc "$@"\n' : WRAPPER, { mode: 0o755 })
  return path
}

function isWhole(): boolean {
  const [, bounding = '0'] =
    /^CapBnd:\s+(\w+)/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  return ((BigInt(`0x${bounding}`) >> SYS_RESOURCE) & 1n) === 1n
}
