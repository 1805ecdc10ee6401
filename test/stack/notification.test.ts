import t from 'tap'
import { sumOf, until } from '../exporter/support/exporter.js'
import { marked, startChain } from './support/chain.js'
import { at, list, text } from './support/values.js'

/** Generous, for a machine that is busy with other things. */
const LIMIT_MILLISECONDS = 180_000

const DIRECT = 'Told directly'
const BY_RULE = 'Told by a rule of Prometheus'

void t.test('each way to the webhook tells a deed once, however often it is done', async (t) => {
  const chain = await startChain(t, [
    { rule: DIRECT, priority: 'CRITICAL', condition: marked('pgr-direct') },
    { rule: BY_RULE, priority: 'ERROR', condition: marked('pgr-by-rule') },
  ])
  const of = (rule: string): readonly string[] =>
    chain
      .told()
      .filter(({ labels }) => labels.rule === rule)
      .map(({ labels }) => labels.alertname ?? '')
  const counted = async (rule: string): Promise<number> =>
    Number(at((await chain.ask(`falco_events{rule="${rule}"}`))?.[0], 'value', 1) ?? 0)
  const page = async (path: string): Promise<Response> => fetch(chain.alertmanager + path)
  const both = (): void => {
    chain.deed('pgr-direct')
    chain.deed('pgr-by-rule')
  }

  both()
  const isTold = (): boolean => of(DIRECT).length > 0 && of(BY_RULE).length > 0
  await until('both are told', isTold, LIMIT_MILLISECONDS)
  t.same(of(DIRECT), ['FalcoEvent'])
  t.same(of(BY_RULE), ['PeregrineDetectionError'])

  both()
  both()
  await until('all are counted', async () => {
    return (await counted(DIRECT)) === 3 && (await counted(BY_RULE)) === 3
  })
  const isHeldBack = async (): Promise<boolean> => {
    const alerts = list(await (await page('/api/v2/alerts')).json())
    const one = alerts.find(
      (alert) =>
        at(alert, 'labels', 'rule') === DIRECT &&
        at(alert, 'labels', 'alertname') === 'PeregrineDetectionCritical',
    )
    return list(at(one, 'status', 'inhibitedBy')).length > 0
  }
  await until('the rule would tell of the direct one, too', isHeldBack, LIMIT_MILLISECONDS)

  // A group asks this log what it has told already, each time that its interval is over.
  const rounds = async (): Promise<number> =>
    sumOf(await (await page('/metrics')).text(), 'alertmanager_nflog_queries_total')
  const before = await rounds()
  const isRound = async (): Promise<boolean> => (await rounds()) >= before + 2
  await until('Alertmanager thinks about both again', isRound, LIMIT_MILLISECONDS)
  t.same(of(DIRECT), ['FalcoEvent'], 'still one, for three deeds and two ways')
  t.same(of(BY_RULE), ['PeregrineDetectionError'], 'still one, for three deeds')

  const [direct, byRule] = [DIRECT, BY_RULE].map((rule) =>
    chain.told().find(({ labels }) => labels.rule === rule),
  )
  t.equal(direct?.labels.severity, 'critical')
  t.equal(byRule?.labels.severity, 'error')
  t.match(text(direct?.annotations.description), 'execve', 'the text of the alert itself')
  t.match(text(byRule?.annotations.summary), `${BY_RULE} on node-a`)
})
