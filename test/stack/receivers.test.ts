/** What Slack and a mail server get of the example configuration, from the real Alertmanager. */
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { freePort, temporaryDirectory, until } from '../exporter/support/exporter.js'
import { PROGRAMS, shipped } from './support/chain.js'
import { ROOT } from './support/run.js'
import { at, text } from './support/values.js'

const EXAMPLE = 'alerting/alertmanager/examples/slack-and-email.yml'

type Teardown = Parameters<typeof temporaryDirectory>[0]

async function listen(t: Teardown, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return Number(at(server.address(), 'port'))
}

/** Takes every mail; gives back what was sent, headers first. */
async function startMailServer(t: Teardown): Promise<{ port: number; mail: () => string }> {
  let mail = ''
  const server = createServer((socket) => {
    let isData = false
    let rest = ''
    const answer = (line: string): void => void socket.write(`${line}\r\n`)
    answer('220 mail')
    socket.setEncoding('utf8').on('data', (part: string) => {
      rest += part
      const lines = rest.split('\r\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        if (isData && line !== '.') mail += `${line}\n`
        else if (isData) {
          isData = false
          answer('250 taken')
        } else if (line === 'DATA') {
          isData = true
          answer('354 go on')
        } else answer(line === 'QUIT' ? '221 bye' : '250 well')
      }
    })
  })
  return { port: await listen(t, server), mail: () => mail }
}

async function startSlack(t: Teardown): Promise<{ port: number; message: () => unknown }> {
  let message: unknown
  const server = createHttpServer((request, response) => {
    let body = ''
    request.on('data', (part: Buffer) => (body += part.toString()))
    request.on('end', () => {
      message = JSON.parse(body)
      response.end('ok')
    })
  })
  return { port: await listen(t, server), message: () => message }
}

/** Of quoted-printable. */
function unquoted(mail: string): string {
  return mail
    .replaceAll('=\n', '')
    .replace(/=([0-9A-F]{2})/g, (_, code: string) => String.fromCharCode(parseInt(code, 16)))
}

void t.test('a chat and a mail have all that a notification says', async (t) => {
  const directory = temporaryDirectory(t)
  const slack = await startSlack(t)
  const mails = await startMailServer(t)
  writeFileSync(join(directory, 'slack-url'), `http://127.0.0.1:${slack.port}/`)
  writeFileSync(join(directory, 'smtp-password'), 'secret')
  const config = shipped(EXAMPLE, {
    '/etc/alertmanager/secrets/slack-url': join(directory, 'slack-url'),
    '/etc/alertmanager/secrets/smtp-password': join(directory, 'smtp-password'),
    // The stand-in has no certificate.
    'mail.example.org:587': `127.0.0.1:${mails.port}\n  smtp_require_tls: false`,
    '../templates/*.tmpl': join(ROOT, 'alerting/alertmanager/templates/*.tmpl'),
  })
  writeFileSync(join(directory, 'alertmanager.yml'), config)
  const address = `127.0.0.1:${await freePort()}`
  const child = spawn(
    PROGRAMS.alertmanager,
    [
      `--config.file=${join(directory, 'alertmanager.yml')}`,
      `--storage.path=${join(directory, 'data')}`,
      `--web.listen-address=${address}`,
      '--cluster.listen-address=',
    ],
    { stdio: 'ignore' },
  )
  const ended = new Promise((resolve) => child.once('close', resolve))
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const alert = {
    labels: {
      alertname: 'FalcoEvent',
      severity: 'critical',
      rule: 'Drop & run',
      hostname: 'node-a',
      k8s_ns_name: 'shop',
      k8s_pod_name: 'cart-1',
    },
    annotations: {
      summary: 'Drop & run',
      description: 'Dropped by <sh>',
      field_proc_cmdline: 'sh -c <script>',
    },
  }
  const post = async (): Promise<boolean> => {
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify([alert])
    const request = fetch(`http://${address}/api/v2/alerts`, { method: 'POST', headers, body })
    return (await request.catch(() => undefined))?.ok === true
  }
  await until('Alertmanager takes the alert', post)
  await until('Slack and the mail server are told', () => {
    return slack.message() !== undefined && mails.mail() !== ''
  })

  const chat = at(slack.message(), 'attachments', 0)
  const dashboard =
    'http://localhost:3000/d/peregrine-investigate?var-rule=Drop+%26+run&var-node=node-a&var-pod=cart-1'
  t.equal(at(chat, 'title'), '[CRITICAL] Drop & run')
  t.equal(at(chat, 'title_link'), dashboard)
  t.equal(at(chat, 'color'), '#D55E00')
  const mail = unquoted(mails.mail())
  t.match(mail, 'Subject: [CRITICAL] Drop & run')
  for (const told of [text(at(chat, 'text')), mail]) {
    t.match(told, 'What: Dropped by <sh>')
    t.match(told, 'Where: node-a, pod shop/cart-1')
    t.match(told, /Since: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/)
    t.match(told, 'Command: sh -c <script>')
    t.match(told, `Dashboard: ${dashboard}`)
    t.match(told, 'Log lines: http://localhost:3000/explore?')
    t.match(told, 'Runbook: docs/runbooks/PeregrineDetection.md')
  }
  t.match(mail, 'Command: sh -c &lt;script&gt;', 'and the form in HTML runs nothing')
})

void t.test('the webhook of Compose and the example group alike', (t) => {
  const groups = [EXAMPLE, 'alerting/alertmanager/alertmanager.yml'].map((path) => {
    return /group_by: .*/.exec(readFileSync(join(ROOT, path), 'utf8'))?.[0]
  })
  t.equal(groups[0], groups[1])
  t.end()
})
