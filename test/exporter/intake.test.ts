import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { Agent, request } from 'undici'
import t from 'tap'
import { parseAlerts } from '../../src/intake/index.js'
import { runExporter, sumOf, temporaryDirectory, until } from './support/exporter.js'
import { startLoki } from './support/loki.js'

/** As Falco's http_output posts it. */
function posted(changes: object = {}): object {
  return {
    hostname: 'node-b',
    output: '10:00:00.000000000: Warning Secret read by curl',
    priority: 'Warning',
    rule: 'Secret read',
    source: 'k8s_audit',
    tags: ['k8s'],
    time: new Date().toISOString().replace('Z', '789Z'),
    output_fields: {
      'ka.target.namespace': 'shop',
      'ka.target.resource': 'pods',
      'ka.target.name': 'cart-1',
      'evt.time': 1_700_000_000_000_000_000,
      absent: null,
      nested: { a: [1] },
    },
    ...changes,
  }
}

const HTTP = ['--falco', 'none', '--intake-listen', '127.0.0.1:0']

function intakeOf(log: string): string {
  return /"intake":"([^"]+)"/.exec(log)?.[1] ?? ''
}

void t.test('what is posted is counted and shipped once it is answered', async (t) => {
  const directory = temporaryDirectory(t)
  const loki = await startLoki()
  t.teardown(loki.close)
  const state = ['--state-dir', join(directory, 'state'), '--loki-url', loki.url]
  const labels = ['--extra-label', 'resource=ka.target.resource', '--static-label', 'cluster=west']
  const args = [...HTTP, ...state, ...labels, '--intake-body-limit', '64KiB']
  const exporter = await runExporter(t, args)
  await until('open', () => intakeOf(exporter.log()) !== '')
  const url = `http://${intakeOf(exporter.log())}/`
  const post = async (
    body: string | Buffer,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<number> => {
    const answer = await fetch(url, {
      method: 'POST',
      body: new Uint8Array(Buffer.from(body)),
      headers,
    })
    await answer.text()
    return answer.status
  }
  const one = JSON.stringify(posted())

  t.equal(await post(one), 200, 'one alert')
  t.equal(sumOf(await exporter.metrics(), 'falco_events'), 1, 'counted as soon as it is answered')
  t.equal(await post(`[${one},${one}]`), 200, 'an array')
  t.equal(await post(`${one}\n${one}\n`), 200, 'one a line')
  t.equal(await post(gzipSync(one), { 'content-encoding': 'gzip' }), 200, 'gzip')
  t.equal(await post(JSON.stringify(posted({ priority: 'INFO', time: undefined }))), 200)
  t.equal(await post('[]'), 200, 'nothing')
  t.equal(await post(`\ufeff${one}`), 200, 'a byte order mark')
  t.equal(await post(one, { 'content-type': 'not a type;;' }), 200, 'a type that is none')
  const deep = '['.repeat(20_000) + ']'.repeat(20_000)
  const nested = one.replace('{"a":[1]}', deep)
  t.equal(await post(nested), 200, 'a field nested deeper than any stack')

  t.equal(await post('10:00:00 Warning not JSON'), 400)
  t.equal(await post('7'), 400)
  t.equal(await post(`[${deep}]`), 400, 'an alert nested deeper than any stack')
  t.equal(await post(JSON.stringify(posted({ rule: 7, priority: 'Loud' }))), 400)
  t.equal(await post(JSON.stringify(posted({ time: 'yesterday' }))), 400)
  t.equal(await post(one, { 'content-encoding': 'zip' }), 415)
  t.equal(await post('no gzip', { 'content-encoding': 'gzip' }), 400)
  t.equal(await post('x'.repeat(65_537)), 413)
  const bomb = gzipSync(Buffer.alloc(50_000_000))
  t.equal(await post(bomb, { 'content-encoding': 'gzip' }), 413, 'a bomb')

  const page = await exporter.metrics()
  t.equal(sumOf(page, 'falco_events'), 10)
  const wanted = ['k8s_ns_name="shop"', 'k8s_pod_name="cart-1"', 'hostname="node-b"']
  t.equal(sumOf(page, 'falco_events', ...wanted), 10, 'audit events are about their target')
  t.equal(sumOf(page, 'falco_events', 'resource="pods"', 'cluster="west"'), 10)
  t.equal(sumOf(page, 'peregrine_alerts_invalid_total', 'not_json'), 1)
  t.equal(sumOf(page, 'peregrine_alerts_invalid_total', 'not_an_object'), 2)
  t.equal(sumOf(page, 'peregrine_intake_requests_total', 'code="500"'), 0)
  t.equal(sumOf(page, 'peregrine_alerts_invalid_total', 'priority_unknown'), 1)
  t.equal(sumOf(page, 'peregrine_alerts_invalid_total', 'time_out_of_range'), 1)
  t.equal(sumOf(page, 'peregrine_intake_requests_total', 'code="413"'), 2)
  await until('shipped', () => loki.entries.length === 10)
  t.same(loki.faults, [])
  t.match(loki.entries[0], {
    stream: { source: 'k8s_audit', k8s_pod_name: 'cart-1', hostname: 'node-b' },
    metadata: { nested: '{"a":[1]}', rule: 'Secret read' },
  })
  t.match(await (await exporter.get('/')).text(), /10:00:00 Warning not JSON/, 'a sample is shown')
  await exporter.stop()
  const again = await runExporter(t, args)
  t.equal(sumOf(await again.metrics(), 'falco_events'), 10, 'durable')
})

void t.test('whatever JSON comes, each element is an alert or says why not', (t) => {
  const options = { fallbackHostname: 'here', nowMilliseconds: Date.now() }
  const key = fc.constantFrom('rule', 'priority', 'time', 'output', 'output_fields', 'tags', 'x')
  const value = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom('Warning', 'Critical', '2026-01-01T00:00:00Z'),
  )
  const object = fc.dictionary(key, value)
  fc.assert(
    fc.property(fc.array(fc.oneof(object, fc.jsonValue())), fc.string(), (all, noise) => {
      const parsed = parseAlerts(JSON.stringify(all), options)
      t.equal(parsed.length, all.length)
      for (const alert of parsed) {
        if (alert.kind === 'invalid') continue
        t.ok(alert.rule !== '' && alert.priority >= 0 && alert.priority <= 7)
        alert.fields.forEach((text, name) => {
          t.equal(typeof text, 'string', name)
        })
      }
      parseAlerts(noise, options)
    }),
    { numRuns: 500 },
  )
  t.end()
})

void t.test('many small bombs at once take the room of a few', async (t) => {
  const exporter = await runExporter(t, [...HTTP, '--state-dir', ':temporary:'])
  await until('open', () => intakeOf(exporter.log()) !== '')
  const url = `http://${intakeOf(exporter.log())}/`
  // Just within the limit of one body: 4 MiB of spaces in 4 KB.
  const bomb = new Uint8Array(gzipSync(Buffer.alloc(4 * 1024 * 1024 - 1, ' ')))
  const headers = { 'content-encoding': 'gzip' }
  const before = sumOf(await exporter.metrics(), 'process_resident_memory_bytes')
  const answers = await Promise.all(
    Array.from({ length: 30 }, async () => {
      const answer = await fetch(url, { method: 'POST', body: bomb, headers })
      await answer.text()
      return answer.status
    }),
  )
  t.ok(answers.every((status) => status === 400 || status === 503))
  const page = await exporter.metrics()
  t.equal(sumOf(page, 'peregrine_intake_waiting_bytes'), 0)
  const grown = sumOf(page, 'process_resident_memory_bytes') - before
  t.ok(grown < 300 * 1024 * 1024, `${Math.round(grown / 2 ** 20)} MiB`)
})

void t.test('senders must be who they say', async (t) => {
  const directory = temporaryDirectory(t)
  const at = (name: string): string => join(directory, name)
  writeFileSync(at('token'), 'sesame\n')
  const make = (name: string, ...more: readonly string[]): void => {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    const files = ['-keyout', at(`${name}.key`), '-out', at(`${name}.pem`)]
    const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1']
    execFileSync('openssl', ['req', '-x509', ...key, ...files, '-days', '2', ...subject, ...more], {
      stdio: 'ignore',
    })
  }
  make('server')
  make('client')
  const tls = ['--intake-tls-cert', at('server.pem'), '--intake-tls-key', at('server.key')]
  const client = ['--intake-tls-client-ca', at('client.pem'), '--intake-token-file', at('token')]
  const exporter = await runExporter(t, [...HTTP, ...tls, ...client, '--state-dir', ':temporary:'])
  await until('open', () => intakeOf(exporter.log()) !== '')
  const url = `https://${intakeOf(exporter.log())}/`
  let ca = readFileSync(at('server.pem'))
  const cert = readFileSync(at('client.pem'))
  const key = readFileSync(at('client.key'))
  const ask = async (connect: object, authorization: string): Promise<number | undefined> => {
    const dispatcher = new Agent({ connect: { ca, ...connect } })
    const body = JSON.stringify(posted())
    const headers = { authorization }
    const answer = await request(url, { method: 'POST', dispatcher, body, headers }).catch(
      () => undefined,
    )
    await dispatcher.destroy()
    return answer?.statusCode
  }
  t.equal(await ask({ cert, key }, 'Bearer sesame'), 200)
  t.equal(await ask({ cert, key }, 'Bearer simsim'), 401)
  t.equal(await ask({ cert, key }, ''), 401)
  t.equal(await ask({}, 'Bearer sesame'), undefined, 'no certificate, no connection')
  t.equal(sumOf(await exporter.metrics(), 'falco_events'), 1)

  // A certificate that was renewed and a token that was changed need no restart.
  make('server')
  writeFileSync(at('token'), 'tahini\n')
  exporter.reload()
  ca = readFileSync(at('server.pem'))
  await until('taken over', async () => (await ask({ cert, key }, 'Bearer tahini')) === 200)
  t.equal(await ask({ cert, key }, 'Bearer sesame'), 401)
  t.notMatch(exporter.log(), /sesame|tahini/)
})
