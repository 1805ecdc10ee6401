import t from 'tap'
import { startContainerd } from './support/containerd.js'
import { startDaemon, type PrintedAlert } from './support/daemon.js'
import { startDocker } from './support/docker.js'
import { IMAGE, startPodman } from './support/podman.js'

void t.test('several runtimes at once, each with containers of the same name', async (t) => {
  const containerd = await startContainerd(t, ['true'])
  const docker = await startDocker(t, ['true'])
  const podman = await startPodman(t, ['true'])
  const sockets = [
    `containerd=${containerd.socket}`,
    `docker=${docker.socket}`,
    `podman=${podman.socket}`,
  ]
  const daemon = await startDaemon(t, {
    rules: [
      {
        rule: 'Marked',
        condition:
          'evt.type in (execve, execveat) and proc.name = "true" and proc.args contains pgr-runtimes',
        output: '%proc.args %container.type %container.full_id',
      },
    ],
    args: [...sockets.flatMap((it) => ['--runtime-socket', it]), '--identity-wait', '50s'],
  })
  const mark = (runtime: string): readonly [string, string] => [
    '/bin/true',
    `pgr-runtimes-${runtime}`,
  ]

  const pod = await containerd.kubelet.runPod({ name: 'web-0', namespace: 'default' })
  const ids = new Map([
    ['containerd', await pod.start('web', mark('containerd'))],
    [
      'docker',
      docker.docker(
        ...['run', '-d', '--network=none', '--name=web', docker.image],
        ...mark('docker'),
      ),
    ],
    ['podman', podman.podman('run', '-d', '--name=web', IMAGE, ...mark('podman'))],
  ])
  for (const [runtime, id] of ids) {
    const isIt = ({ output }: PrintedAlert): boolean => output.includes(`pgr-runtimes-${runtime}`)
    const { output_fields: fields } = await daemon.alert(runtime, isIt)
    t.match(fields, {
      'container.name': 'web',
      'container.type': runtime,
      'container.full_id': id,
      'k8s.pod.name': runtime === 'containerd' ? 'web-0' : null,
    })
  }
})
