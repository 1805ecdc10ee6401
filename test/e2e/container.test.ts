import t from 'tap'
import { runExporter, sumOf, until } from '../exporter/support/exporter.js'
import { startDaemon } from './support/daemon.js'
import { startDocker } from './support/docker.js'

/** How many characters of a container's id are shown. */
const SHORT = 12

void t.test('deeds in a real container are told with its id', async (t) => {
  const docker = await startDocker(t, ['sh', 'sleep', 'true', 'cat', 'apk'])
  const daemon = await startDaemon(t, {
    withDefaultRules: true,
    rules: [
      {
        rule: 'Marked in container',
        condition: 'evt.type = execve and proc.args contains pgr-container',
        output: '%container.id %proc.name %proc.args',
      },
    ],
  })
  const exporter = await runExporter(t, [
    ...['--falco', daemon.address, '--state-dir', ':temporary:'],
  ])

  await t.test('a first process, before anybody could ask the runtime', async (t) => {
    const full = docker.docker(
      ...['run', '-d', '--network=none', docker.image, '/bin/true', 'pgr-container-first'],
    )
    const alert = await daemon.alert('first', ({ rule, output_fields: fields }) => {
      return rule === 'Marked in container' && fields['proc.name'] === 'true'
    })
    t.equal(alert.output_fields['container.id'], full.slice(0, SHORT))
  })

  const full = docker.docker(...['run', '-d', '--network=none', docker.image, '/bin/sleep', '600'])

  await t.test('a terminal shell', async (t) => {
    docker.dockerOnTerminal('exec', '-it', full, '/bin/sh', '-c', 'true')
    const alert = await daemon.alert(
      'terminal shell',
      ({ rule }) => rule === 'Terminal shell in container',
    )
    t.equal(alert.output_fields['container.id'], full.slice(0, SHORT))
  })

  await t.test('a package manager', async (t) => {
    docker.docker('exec', full, '/bin/sh', '-c', 'apk --version || true')
    const alert = await daemon.alert(
      'package manager',
      ({ rule }) => rule === 'Launch Package Management Process in Container',
    )
    t.equal(alert.output_fields['container.id'], full.slice(0, SHORT))
  })

  await t.test('both are counted', async (t) => {
    for (const rule of [
      'Terminal shell in container',
      'Launch Package Management Process in Container',
    ]) {
      await until(rule, async () => {
        return sumOf(await exporter.metrics(), 'falco_events', `rule="${rule}"`) >= 1
      })
    }
    t.pass('counted')
  })
})
