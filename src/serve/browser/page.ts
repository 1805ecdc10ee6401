/**
 * The page's script: follows the stream of alerts, filters them, shows what is connected.
 *
 * Everything foreign becomes text nodes, never markup. At most 10,000 alerts stay, as rows of
 * one line each; Chromium takes seconds longer with `content-visibility` than without it.
 */
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />

interface ShownAlert {
  readonly time: string
  readonly priority: string
  readonly rule: string
  readonly hostname: string
  readonly namespace: string
  readonly pod: string
  readonly source: string
  readonly tags: string
  readonly output: string
  readonly link: string
  readonly fields: Readonly<Record<string, string>>
}

interface Row {
  readonly alert: ShownAlert
  readonly element: HTMLLIElement
  readonly text: string
}

interface Place {
  readonly name: string
  readonly isWell: boolean
  readonly state: string
  readonly since?: string
  readonly lastError?: string
}

const LIMIT = 10_000
const PRIORITIES = [
  'Emergency',
  'Alert',
  'Critical',
  'Error',
  'Warning',
  'Notice',
  'Informational',
  'Debug',
]

const list = find('alerts', HTMLUListElement)
const status = find('status', HTMLSpanElement)
const priority = find('priority', HTMLSelectElement)
const rule = find('rule', HTMLInputElement)
const pod = find('pod', HTMLInputElement)
const text = find('text', HTMLInputElement)
const pause = find('pause', HTMLButtonElement)
const places = find('places', HTMLUListElement)

const rows: Row[] = []
const waiting: ShownAlert[] = []
let isPaused = false
let connection = 'connecting'
let missed = 0

function find<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id)
  if (!(found instanceof kind)) throw new Error(`no ${id} on the page`)
  return found
}

function element(name: string, content: string, style = ''): HTMLElement {
  const made = document.createElement(name)
  made.textContent = content
  if (style !== '') made.className = style
  return made
}

function toStyle(name: string): string {
  const rank = PRIORITIES.indexOf(name)
  if (rank <= 2) return 'urgent'
  return rank <= 4 ? 'warn' : 'calm'
}

/** The reader's own time of day, or the date of another day; the whole time is in the details. */
function toTime(text: string): HTMLTimeElement {
  const time = document.createElement('time')
  time.dateTime = text
  time.title = text
  const at = new Date(text)
  const isToday = at.toDateString() === new Date().toDateString()
  // As Swedes write dates, which everybody reads.
  time.textContent = isToday
    ? at.toLocaleTimeString([], { hourCycle: 'h23' })
    : at.toLocaleDateString('sv')
  return time
}

function toRow(alert: ShownAlert): Row {
  const item = document.createElement('li')
  const details = document.createElement('details')
  const summary = document.createElement('summary')
  const where = [alert.namespace, alert.pod].filter((part) => part !== '').join('/')
  summary.append(
    toTime(alert.time),
    element('span', alert.priority, 'priority'),
    element('span', alert.rule, 'rule'),
    element('span', where === '' ? alert.hostname : where, 'where'),
    element('span', alert.output, 'output'),
  )
  item.className = toStyle(alert.priority)
  details.append(summary)
  // Details are made when somebody looks: ten thousand of them would be most of the page.
  details.addEventListener('toggle', () => {
    if (details.open && details.childElementCount === 1) details.append(toDetails(alert))
  })
  item.append(details)
  const { output, rule: ruleName, hostname, tags, fields } = alert
  const all = [output, ruleName, hostname, where, tags, ...Object.values(fields)]
  return { alert, element: item, text: all.join('\n').toLowerCase() }
}

function toDetails(alert: ShownAlert): HTMLElement {
  const box = document.createElement('dl')
  const put = (name: string, value: string): void => {
    if (value !== '') box.append(element('dt', name), element('dd', value))
  }
  if (/^https?:/.test(alert.link)) {
    const link = document.createElement('a')
    link.href = alert.link
    link.textContent = 'Log lines in Grafana Explore'
    link.rel = 'noreferrer'
    const cell = document.createElement('dd')
    cell.append(link)
    box.append(element('dt', 'more'), cell)
  }
  put('time', alert.time)
  put('hostname', alert.hostname)
  put('source', alert.source)
  put('tags', alert.tags)
  for (const [name, value] of Object.entries(alert.fields)) put(name, value)
  return box
}

function isShown({ alert, text: content }: Row): boolean {
  const holds = (value: string, wanted: string): boolean =>
    value.toLowerCase().includes(wanted.trim().toLowerCase())
  return (
    PRIORITIES.indexOf(alert.priority) <= PRIORITIES.indexOf(priority.value) &&
    holds(alert.rule, rule.value) &&
    holds(`${alert.namespace}/${alert.pod}`, pod.value) &&
    content.includes(text.value.trim().toLowerCase())
  )
}

function refilter(): void {
  for (const row of rows) row.element.hidden = !isShown(row)
  report()
}

function report(): void {
  const shown = rows.filter((row) => !row.element.hidden).length
  const parts = [`${shown} of ${rows.length} alerts`, connection]
  if (missed > 0) parts.push(`${missed} not shown`)
  if (isPaused) parts.push(`${waiting.length} waiting`)
  status.textContent = parts.join(' · ')
}

let isDrawing = false

/** Many alerts are one change of the page. */
function draw(): void {
  isDrawing = false
  if (!isPaused) {
    const fragment = document.createDocumentFragment()
    for (const alert of waiting.splice(0).slice(-LIMIT)) {
      const row = toRow(alert)
      row.element.hidden = !isShown(row)
      rows.push(row)
      fragment.prepend(row.element)
    }
    list.prepend(fragment)
    for (const row of rows.splice(0, Math.max(0, rows.length - LIMIT))) row.element.remove()
  }
  report()
}

function drawSoon(): void {
  if (isDrawing) return
  isDrawing = true
  setTimeout(draw, 100)
}

function isAlert(value: unknown): value is ShownAlert {
  return typeof value === 'object' && value !== null && 'rule' in value && 'fields' in value
}

function follow(): void {
  const events = new EventSource('/alerts')
  events.addEventListener('open', () => {
    connection = 'live'
    drawSoon()
  })
  events.addEventListener('error', () => {
    connection = 'connection lost, trying again'
    drawSoon()
    // A refused stream is not tried again by the browser.
    if (events.readyState === EventSource.CLOSED) setTimeout(follow, 5_000)
  })
  events.addEventListener('alert', ({ data }: MessageEvent<string>) => {
    const alert: unknown = JSON.parse(data)
    if (!isAlert(alert)) return
    waiting.push(alert)
    if (waiting.length > LIMIT) {
      waiting.shift()
      missed++
    }
    drawSoon()
  })
  events.addEventListener('gap', ({ data }: MessageEvent<string>) => {
    missed += Number(data)
    drawSoon()
  })
}

function isPlaces(value: unknown): value is { readonly places: readonly Place[] } {
  return typeof value === 'object' && value !== null && 'places' in value
}

/** A state that cannot be had is said in the status of the stream. */
async function showPlaces(): Promise<void> {
  const answer = await fetch('/state').catch(() => undefined)
  if (answer?.ok !== true) return
  const facts: unknown = await answer.json()
  if (!isPlaces(facts)) return
  const lines = facts.places.map(({ name, isWell, state, since = '', lastError = '' }) => {
    const line = element('li', '', isWell ? 'well' : 'ill')
    const mark = element('span', isWell ? '●' : '▲', 'mark')
    mark.append(element('span', isWell ? 'well' : 'in trouble', 'unseen'))
    line.append(mark, element('strong', name), element('span', state))
    if (since !== '') line.append(element('span', `since ${since}`, 'since'))
    if (lastError !== '') line.append(element('span', `last error: ${lastError}`, 'since'))
    return line
  })
  places.replaceChildren(...lines)
}

for (const field of [priority, rule, pod, text]) field.addEventListener('input', refilter)
find('filter', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault()
})
pause.addEventListener('click', () => {
  isPaused = !isPaused
  pause.setAttribute('aria-pressed', String(isPaused))
  pause.textContent = isPaused ? 'Go on' : 'Pause'
  draw()
})
setInterval(() => void showPlaces(), 5_000)
follow()
report()

export {}
