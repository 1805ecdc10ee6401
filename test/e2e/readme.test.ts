import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { temporaryDirectory, until } from '../exporter/support/exporter.js'
import { blocks, documented } from '../support/documented.js'
import { ROOT, type Test } from './support/daemon.js'

const BLOCKS = blocks('README.md')
/** What it shows as an answer, in the order of the text. */
const ANSWERS = BLOCKS.filter(({ language }) => language === '').map(({ body }) => body.trim())
/** Where the programs keep things unless they are told otherwise. */
const KEPT = ['/run/peregrine', '/var/lib/peregrine', '/var/lib/peregrine-exporter']
const LIMIT_MILLISECONDS = 120_000
const STARTED = 'Ctrl-C stops both'

/** Prints the log lines that are pushed to it. */
const LOKI = `
require('node:http').createServer((request, response) => {
  const parts = []
  request.on('data', (part) => parts.push(part))
  request.on('end', () => {
    const body = Buffer.concat(parts)
    const isPacked = request.headers['content-encoding'] === 'gzip'
    console.log(String(isPacked ? require('node:zlib').gunzipSync(body) : body))
    response.writeHead(204).end()
  })
}).listen(3100, '127.0.0.1')`

interface Running {
  readonly text: () => string
  readonly ended: Promise<number | null>
  /** Ctrl-C of a terminal; resolves when it has ended. */
  interrupt(): Promise<number | null>
}

type Shell = (command: string) => Running

/**
 * A shell in a folder and a network of the test's own, with the folders of the programs empty: each
 * command runs as the README has it, whatever else is on the machine.
 */
async function startShell(t: Test): Promise<Shell> {
  const directory = temporaryDirectory(t)
  // What relative paths mean in a clone.
  symlinkSync(join(ROOT, 'native'), join(directory, 'native'))
  const rule = BLOCKS.find(({ body }) => body.startsWith('- rule: Curl'))?.body
  writeFileSync(join(directory, 'curl.yaml'), rule ?? '')
  const made = KEPT.filter((path) => !existsSync(path))
  for (const path of made) mkdirSync(path, { recursive: true })
  const mounts = KEPT.map((path) => `mount -t tmpfs none ${path}`).join(' && ')
  const script = `busybox ip link set lo up && ${mounts} && echo ready && exec sleep infinity`
  const holder = spawn('unshare', ['--net', '--mount', 'sh', '-c', script])
  let isReady = false
  holder.stdout.on('data', () => (isReady = true))
  const holderEnded = toEnd(holder)
  t.teardown(async () => {
    holder.kill('SIGKILL')
    await holderEnded
    // Somebody else may use them by now.
    spawnSync('rmdir', ['--ignore-fail-on-non-empty', ...made])
  })
  await until('the shell is ready', () => isReady)
  const inside = ['-t', `${holder.pid ?? 0}`, '--net', '--mount', `--wdns=${directory}`]
  const npm = `npm() { command npm --prefix '${ROOT}' "$@"; }`
  return (command) => {
    const child = spawn('nsenter', [...inside, 'bash', '-c', `${npm}\n${command}`], {
      env: { PATH: process.env.PATH, HOME: process.env.HOME },
      // A group of its own, which gets what a terminal's Ctrl-C would send.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part))
    child.stderr.setEncoding('utf8').on('data', (part: string) => (text += part))
    const ended = toEnd(child)
    let hasEnded = false
    void ended.then(() => (hasEnded = true))
    const interrupt = (): Promise<number | null> => {
      if (!hasEnded) process.kill(-(child.pid ?? 0), 'SIGINT')
      return ended
    }
    t.teardown(interrupt)
    return { text: () => text, ended, interrupt }
  }
}

function toEnd(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('close', resolve)
  })
}

async function says(running: Running, expected: string | RegExp): Promise<void> {
  const isSaid = (): boolean =>
    typeof expected === 'string' ? running.text().includes(expected) : expected.test(running.text())
  await until(String(expected), isSaid, LIMIT_MILLISECONDS).catch((error: unknown) => {
    throw new Error(`${String(error)} in: ${running.text().slice(-3000)}`)
  })
}

void t.test(
  'the first rule of the README: alert, metric and log line, as it shows them',
  async (t) => {
    const shell = await startShell(t)
    const [alert = '', metric = ''] = ANSWERS

    const check = documented('README.md', 'native/target/release/peregrined rules check curl.yaml')
    t.equal(await shell(check).ended, 0)

    const both = shell(documented('README.md', 'npm start -- -r curl.yaml'))
    await says(both, STARTED)
    // No way out of this network, and an alert all the same.
    await shell('curl https://example.org').ended
    await says(both, alert.replace(/^[\d:.]+ /, ''))

    const asked = shell(
      documented('README.md', "curl -s http://127.0.0.1:9376/metrics | grep '^falco_events'"),
    )
    t.equal(await asked.ended, 0)
    t.match(asked.text(), metric.replace('node-a', hostname()))
    await both.interrupt()
    t.match(both.text(), 'stopped; nothing is left attached', 'Ctrl-C stops both')

    const loki = shell(`'${process.execPath}' -e "${LOKI.replaceAll('"', '\\"')}"`)
    const shipping = shell(
      documented('README.md', 'PEREGRINE_LOKI_URL=http://127.0.0.1:3100 npm start -- -r curl.yaml'),
    )
    await says(shipping, STARTED)
    await shell('curl https://example.org/logged').ended
    await says(loki, 'Curl command executed: curl https://example.org/logged')
    await shipping.interrupt()
    t.match(shipping.text(), 'stopped')
  },
)

void t.test('both programs alone, as the README starts them', async (t) => {
  const shell = await startShell(t)
  const daemon = shell(documented('README.md', 'native/target/release/peregrined'))
  await says(daemon, 'ready:')
  const exporter = shell(
    documented('README.md', 'npm run exporter -- --falco unix:///run/peregrine/peregrine.sock'),
  )
  await says(exporter, '"msg":"subscribed"')
  t.equal(await shell('curl -sf http://127.0.0.1:9376/readyz').ended, 0)
})
