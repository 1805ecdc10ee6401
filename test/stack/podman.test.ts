import t from 'tap'
import { sumOf, temporaryDirectory, until } from '../exporter/support/exporter.js'
import { hasPodmanNetworks, startPodman } from './support/podman.js'
import { IMAGES, makeImages, METRICS, PROMETHEUS, writeRule } from './support/stack.js'
import { leftOf, standing, tracesOf } from './support/traces.js'
import { at, list } from './support/values.js'

const RULE = 'Told on Podman'
/** Generous, for a machine that is busy with other things. */
const LIMIT_MILLISECONDS = 120_000

void t.test(
  'the same on Podman: up, a deed in a container, down, and nothing is left',
  { skip: hasPodmanNetworks() ? false : 'netavark and aardvark-dns are not installed' },
  async (t) => {
    const directory = temporaryDirectory(t)
    const rules = writeRule(directory, {
      rule: RULE,
      desc: 'for a test',
      condition: 'evt.type = execve and container.id != host and proc.args contains pgr-podman',
      output: '%container.id %proc.cmdline',
      priority: 'CRITICAL',
    })
    const engine = await startPodman(t, {
      ...IMAGES,
      PEREGRINE_RULES_DIR: rules,
      PEREGRINE_LOKI_URL: '',
      COMPOSE_PROFILES: 'stack',
    })
    makeImages(directory, engine.image)
    engine.compose('build', 'peregrined', 'peregrine')
    const before = standing(engine)
    // Not `compose`, since Podman's health checks, which it waits for, run in this process.
    await engine.composeAsync('up', '--detach', '--no-build', 'prometheus')
    const ask = (query: string): readonly unknown[] => {
      const answer = engine.get(`${PROMETHEUS}/query?query=${encodeURIComponent(query)}`)
      return answer === undefined ? [] : list(at(JSON.parse(answer), 'data', 'result'))
    }
    await until('Prometheus scrapes', () => ask('up == 1').length > 0, LIMIT_MILLISECONDS)

    const deed = ['/bin/true', 'pgr-podman']
    engine.docker('run', '--rm', '--network=none', '--name=story', IMAGES.BASE_IMAGE, ...deed)
    const counted = (...parts: readonly string[]): number =>
      sumOf(engine.get(METRICS) ?? '', 'falco_events', `rule="${RULE}"`, ...parts)
    await until('counted', () => counted() === 1, LIMIT_MILLISECONDS)
    t.equal(counted('k8s_pod_name="story"'), 1, 'the container is named, by its engine')
    const firing = `ALERTS{alertname="PeregrineDetectionCritical",rule="${RULE}"}`
    await until('the rule fires', () => ask(firing).length > 0, LIMIT_MILLISECONDS)
    t.equal(ask(firing).length, 1)

    const traces = tracesOf(engine, 'peregrine-peregrined-1')
    t.not(leftOf(traces).length, 0)
    engine.compose('down', '--volumes')
    const isGone = (): boolean => leftOf(traces).length === 0
    await until('nothing is left', isGone, LIMIT_MILLISECONDS).catch(() => undefined)
    t.same(leftOf(traces), [], 'no process, control group, program, map or pin')
    t.same(standing(engine), before, 'volumes, interfaces and mounts are as before')
  },
)
