/** What a stack holds on its machine while it runs, and what of that is there afterwards. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Engine } from './engine.js'
import { run, tryRun } from './run.js'

export interface Traces {
  /** Ids of containers; their control groups and folders are named by them. */
  readonly containers: readonly string[]
  readonly processes: readonly number[]
  /** Loaded programs, maps and links of the kernel, by their ids: `prog 12`. */
  readonly kernel: readonly string[]
  readonly volumes: readonly string[]
  readonly interfaces: readonly string[]
  readonly mounts: readonly string[]
}

/** `daemon` is the container that loads programs. */
export function tracesOf(engine: Engine, daemon: string): Traces {
  const containers = engine.docker('ps', '-aq', '--no-trunc').split('\n').filter(Boolean)
  const pidOf = (id: string): number => Number(engine.docker('inspect', '-f', '{{.State.Pid}}', id))
  return {
    containers,
    processes: containers.map(pidOf).filter((pid) => pid > 0),
    kernel: kernelObjects(pidOf(daemon)),
    ...standing(engine),
  }
}

/** What stands before `up` and must be as it was after `down`. */
export function standing(engine: Engine): Pick<Traces, 'volumes' | 'interfaces' | 'mounts'> {
  const lines = readFileSync('/proc/self/mounts', 'utf8').split('\n')
  return {
    volumes: engine.docker('volume', 'ls', '-q').split('\n').filter(Boolean),
    interfaces: engine.interfaces(),
    mounts: lines
      .map((line) => line.split(' ')[1] ?? '')
      .filter((path) => path.startsWith(engine.directory)),
  }
}

/** Of what the stack held, what is still there, in words. */
export function leftOf({ containers, processes, kernel }: Traces): readonly string[] {
  const groups = run('find', ['/sys/fs/cgroup', '-type', 'd'])
  const pinned = tryRun('find', ['/sys/fs/bpf', '-name', '*peregrine*']).stdout.trim()
  return [
    ...containers.filter((id) => groups.includes(id)).map((id) => `a control group of ${id}`),
    ...processes.filter((pid) => existsSync(`/proc/${pid}`)).map((pid) => `process ${pid}`),
    ...kernel.filter(isInKernel).map((object) => `bpf ${object}`),
    ...(pinned === '' ? [] : [`pinned: ${pinned}`]),
  ]
}

function kernelObjects(pid: number): readonly string[] {
  const folder = `/proc/${pid}/fdinfo`
  const found = readdirSync(folder).flatMap((fd) => {
    const text = readFileSync(join(folder, fd), 'utf8')
    return Array.from(
      text.matchAll(/^(prog|map|link)_id:\s*(\d+)$/gm),
      ([, kind = '', id = '']) => `${kind} ${id}`,
    )
  })
  return [...new Set(found)]
}

function isInKernel(object: string): boolean {
  const [kind = '', id = ''] = object.split(' ')
  return tryRun('bpftool', [kind, 'show', 'id', id]).code === 0
}
