/**
 * The matrix: what rules see of each event, beside what is true of it. The deeds are those of
 * `test/e2e/deeds/matrix`, the fields and events those that the daemon itself lists.
 */
import { spawnSync } from 'node:child_process'
import { DAEMON, deedPath, parseAlert, type PrintedAlert, type RuleText } from './daemon.js'

/** A call that was made, and what is true of it. */
export interface Deed {
  readonly event: string
  readonly how: string
  readonly pid: number
  readonly hasMarks: boolean
  readonly truths: ReadonlyMap<string, string>
}

/** Of what fields and events there are. */
export interface Catalogue {
  /** As outputs name them, with an argument where they need one. */
  readonly fields: readonly string[]
  /** Event to the names of its parameters. */
  readonly events: ReadonlyMap<string, readonly string[]>
}

/** With these arguments the deeds say what is true. */
const WITH_ARGUMENTS = [
  ...['evt.abspath.src', 'evt.abspath.dst', 'proc.args[0]', 'proc.args[2]', 'proc.args[9]'],
  ...['fd.types[0]', 'proc.env[MATRIX]', 'proc.env[A]', 'proc.env[SPACED]', 'proc.env[NONE]'],
  ...['proc.aname[1]', 'proc.apid[1]', 'proc.acmdline[1]', 'proc.aargs[1]', 'thread.cgroup.pids'],
  ...['evt.buflen.in', 'evt.buflen.out', 'evt.buflen.file', 'evt.buflen.file.in'],
  ...['evt.buflen.file.out', 'evt.buflen.net', 'evt.buflen.net.in', 'evt.buflen.net.out'],
  ...['thread.nametid', 'thread.vmsize.b', 'thread.vmrss.b'],
]

/** What no single value can be printed of, what is told of nothing but containers, what depends on the
 * names in rules, and what is too long to be printed with each event. */
const LEFT_OUT =
  /^(fd\.(ip|port|proto|[cslr]?net|[cslr]ip\.name)$|proc\.aenv$|evt\.around|container\.|k8s\.|static\.)/

export function readCatalogue(): Catalogue {
  const plain = ask('fields')
    .trim()
    .split('\n')
    .filter((line) => !line.includes('no event here'))
    .map((line) => line.split(' ')[0] ?? '')
    .filter((name) => name === name.toLowerCase() || name.endsWith('?'))
    .map((name) => name.replace(/[[(].*/, ''))
    .filter((name) => !LEFT_OUT.test(name))
  const lines = ask('--list-events')
    .split('\n')
    .filter((line) => line.startsWith('< '))
    .map((line) => line.slice('< '.length))
  const events = lines.map((line): [string, readonly string[]] => {
    const [name = '', rest = ''] = line.replace(')', '').split('(')
    const parameters = rest === '' ? [] : rest.split(', ')
    return [name, parameters.map((parameter) => parameter.split(' ')[1] ?? '')]
  })
  return {
    fields: [...plain, 'container.id', ...WITH_ARGUMENTS],
    events: new Map(events.filter(([, parameters]) => parameters.join() !== 'ID,nativeID')),
  }
}

function ask(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(DAEMON, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`peregrined ${args.join(' ')}: ${stderr}`)
  return stdout
}

/** A rule per event that prints every field and parameter of it. */
export function rulesOf(catalogue: Catalogue, events: readonly string[]): readonly RuleText[] {
  const parametersOf = (event: string): readonly string[] =>
    (catalogue.events.get(event) ?? []).flatMap((name) => [`evt.arg.${name}`, `evt.rawarg.${name}`])
  return ['getpgrp', ...events].map((event) => ({
    rule: `Matrix ${event}`,
    condition: `evt.type = ${event} and (proc.name = matrix or proc.pname = matrix)`,
    output: [...catalogue.fields, ...parametersOf(event)].map((name) => `%${name}`).join(' '),
  }))
}

/** Does so many deeds, in this folder; none if there are no more. */
export function doDeeds(folder: string, first: number, count: number): readonly Deed[] {
  const args = [folder, String(first), String(count)]
  const { status, stdout, stderr } = spawnSync(deedPath('matrix'), args, {
    encoding: 'utf8',
    env: { MATRIX: 'value' },
  })
  if (status !== 0) throw new Error(`the deeds ended with ${status ?? 'a signal'}: ${stderr}`)
  return stdout
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [event = '', how = '', pid = '', ...truths] = line.split('\t')
      const entries = truths.map((truth): [string, string] => {
        const at = truth.indexOf('=')
        return [truth.slice(0, at), truth.slice(at + 1)]
      })
      const hasMarks = !(event === 'procexit' || (event === 'execve' && how !== 'missing'))
      return { event, how, pid: Number(pid), hasMarks, truths: new Map(entries) }
    })
}

/**
 * The event that a deed has made, between its marks; `undefined` if it or a mark is missing, as when
 * events were lost. A deed that ends its program sets none.
 */
export function eventOf(
  deed: Deed,
  alerts: readonly PrintedAlert[],
): Readonly<Record<string, unknown>> | undefined {
  const numberOf = (fields: Readonly<Record<string, unknown>>): number => Number(fields['evt.num'])
  const own = alerts
    .map(({ output_fields: fields }) => fields)
    .filter((fields) => fields['proc.pid'] === deed.pid)
    .sort((one, other) => numberOf(one) - numberOf(other))
  const candidates = own.filter((fields) => fields['evt.type'] === deed.event)
  if (!deed.hasMarks) return candidates.at(-1)
  const marks = own.filter((fields) => fields['evt.type'] === 'getpgrp').map(numberOf)
  const [first = Infinity, second = -Infinity] = marks
  return candidates.find((fields) => numberOf(fields) > first && numberOf(fields) < second)
}

/** As an output prints it. */
export function printed(value: unknown): string {
  if (value === null || value === undefined) return '<NA>'
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/**
 * Whether a value is as it must be; `~` stands before numbers that the kernel itself rounds, and
 * `@TOLERANCE:` before those that cannot be known exactly.
 */
export function isTrue(truth: string, value: unknown): boolean {
  const [, tolerance, about] = /^@(\d+):(.*)$/.exec(truth) ?? []
  if (about !== undefined) return Math.abs(Number(value) - Number(about)) <= Number(tolerance)
  if (!truth.startsWith('~')) return printed(value) === truth
  const wanted = Number(truth.slice(1))
  return Math.abs(Number(value) - wanted) <= Math.max(wanted / 4, 1024)
}

/** Numbers of more digits than a double holds stay texts. */
export function parseAlerts(lines: readonly string[]): readonly PrintedAlert[] {
  return lines
    .filter((line) => line.includes('"rule":"Matrix '))
    .map((line) => parseAlert(line.replace(/:(\d{16,})(?=[,}])/g, ':"$1"')))
}
