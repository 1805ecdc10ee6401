/**
 * The page: what is connected and where to look, and the live alerts, which its script fills in.
 *
 * Without the script (or before it ran) the state of inputs and outputs is still there.
 */
import { readFileSync } from 'node:fs'
import { escapeHtml } from '../text.js'

/** One way in or out. */
export interface Place {
  readonly name: string
  readonly isWell: boolean
  readonly state: string
  /** When the trouble began; undefined where there is none or nobody knows. */
  readonly since?: string
}

export interface PageFacts {
  readonly version: string
  readonly places: readonly Place[]
  /** The last messages that were no valid alert, by reason. */
  readonly invalid: readonly { readonly reason: string; readonly text: string }[]
}

export { POLICY } from './policy.js'

/** Compiled from browser/page.ts; served as it is. */
export const CLIENT_SCRIPT = readFileSync(new URL('browser/page.js', import.meta.url), 'utf8')

export const STYLE = `
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif;
  --line: #8885; --urgent: light-dark(#b00020, #ff6b7a); --warn: light-dark(#8a5a00, #f0b429);
  --quiet: light-dark(#555, #aaa); --well: light-dark(#1b6e3c, #5fd38d); }
* { box-sizing: border-box; }
body { margin: 1.5rem auto; max-width: 96rem; padding: 0 1rem; }
h1 { margin: 0; font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 1.5rem 0 .5rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
.well { color: var(--well); } .ill { color: var(--urgent); }
form { display: flex; flex-wrap: wrap; gap: .8rem; align-items: end; position: sticky; top: 0;
  background: Canvas; padding: .5rem 0; z-index: 1; }
label { display: flex; flex-direction: column; font-size: .85rem; color: var(--quiet); }
input, select, button { font: inherit; padding: .25rem .5rem; }
#alerts { list-style: none; margin: 0; padding: 0; }
#alerts > li { content-visibility: auto; contain-intrinsic-size: auto 2.2rem; border-bottom: 1px solid var(--line); }
#alerts > li[hidden] { display: none; }
summary { display: grid; grid-template-columns: 12rem 7.5rem minmax(9rem, 1fr) minmax(8rem, 14rem) minmax(12rem, 3fr);
  gap: .8rem; padding: .3rem; cursor: pointer; list-style: none; }
summary::-webkit-details-marker { display: none; }
summary > span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
summary:focus-visible, a:focus-visible, input:focus-visible, select:focus-visible, button:focus-visible { outline: 2px solid Highlight; outline-offset: -2px; }
details[open] > summary > span { white-space: normal; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: .1rem 1rem; margin: .2rem 1rem 1rem; }
dt { color: var(--quiet); } dd { margin: 0; overflow-wrap: anywhere; white-space: pre-wrap; }
.urgent { color: var(--urgent); font-weight: 600; } .warn { color: var(--warn); font-weight: 600; } .quiet { color: var(--quiet); }
@media (max-width: 50rem) { summary { grid-template-columns: 1fr; gap: 0; } }
`

export function renderPage({ version, places, invalid }: PageFacts): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Peregrine</title>
<link rel="stylesheet" href="/style.css">
<script src="/page.js" type="module"></script>
<h1>Peregrine</h1>
<p>Version ${escapeHtml(version)} ·
<a href="/metrics">metrics</a> · <a href="/healthz">health</a> · <a href="/readyz">readiness</a></p>
<h2 id="places-title">In and out</h2>
<table aria-labelledby="places-title">
<thead><tr><th scope="col">Where</th><th scope="col">State</th><th scope="col">Since</th></tr></thead>
<tbody id="places">${places.map(renderPlace).join('')}</tbody></table>
${invalid.length === 0 ? '' : renderInvalid(invalid)}
<main>
<h2 id="alerts-title">Alerts</h2>
<form id="filter" role="search" aria-label="Filter alerts">
<label>At least as urgent as<select id="priority">${renderPriorities()}</select></label>
<label>Rule<input id="rule" type="search" autocomplete="off"></label>
<label>Namespace or pod<input id="pod" type="search" autocomplete="off"></label>
<label>Text<input id="text" type="search" autocomplete="off"></label>
<button type="button" id="pause" aria-pressed="false">Pause</button>
<span id="status" role="status">Waiting for the script…</span>
</form>
<ul id="alerts" aria-labelledby="alerts-title"></ul>
</main>
<noscript><p>The live alerts need JavaScript from this address.</p></noscript>
</html>
`
}

function renderPlace({ name, isWell, state, since = '' }: Place): string {
  const mark = isWell ? '<span class="well">●</span>' : '<span class="ill">▲</span>'
  const cells = `<td>${escapeHtml(name)}</td><td>${mark} ${escapeHtml(state)}</td>`
  return `<tr>${cells}<td>${escapeHtml(since)}</td></tr>\n`
}

function renderInvalid(invalid: PageFacts['invalid']): string {
  const rows = invalid.map(
    ({ reason, text }) => `<tr><td>${escapeHtml(reason)}</td><td>${escapeHtml(text)}</td></tr>`,
  )
  return `<details><summary>Messages that were no valid alert, the last of each kind</summary>
<table><tbody>${rows.join('\n')}</tbody></table></details>`
}

const CHOICES = ['Debug', 'Informational', 'Notice', 'Warning', 'Error', 'Critical', 'Alert']

function renderPriorities(): string {
  return [...CHOICES, 'Emergency'].map((name) => `<option>${name}</option>`).join('')
}
