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
  /** What last went wrong there, and when; undefined where that is the state. */
  readonly lastError?: string
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
:root { color-scheme: light dark; font: 14px/1.5 system-ui, sans-serif;
  --page: light-dark(#f6f7f9, #14171c); --card: light-dark(#fff, #1c2027); --line: light-dark(#dfe3e8, #2e343d);
  --text: light-dark(#1c2127, #e4e7eb); --quiet: light-dark(#5a6472, #9aa4b1); --accent: light-dark(#1f5fbf, #7eb0ff);
  --urgent: light-dark(#b3142b, #ff7b88); --warn: light-dark(#8a5200, #f0b64a); --calm: light-dark(#3f5c85, #9db8de);
  --well: light-dark(#1b6e3c, #5fd38d); --hover: light-dark(#f0f3f7, #232831); }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); }
header, main { max-width: 100rem; margin: 0 auto; padding: 0 1.25rem; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: .25rem 1rem; padding-top: 1rem; padding-bottom: .75rem; }
h1 { margin: 0; font-size: 1.25rem; letter-spacing: -.01em; } header p { margin: 0; color: var(--quiet); }
nav { margin-left: auto; display: flex; gap: 1rem; }
a { color: var(--accent); }
h2 { font-size: .8rem; font-weight: 600; letter-spacing: .05em; text-transform: uppercase; color: var(--quiet); margin: 1rem 0 .4rem; }
#places { display: grid; grid-template-columns: repeat(auto-fill, minmax(19rem, 1fr)); gap: .6rem; list-style: none; margin: 0; padding: 0; }
#places li { background: var(--card); border: 1px solid var(--line); border-left: 3px solid var(--well); border-radius: 6px; padding: .45rem .75rem; overflow-wrap: anywhere; }
#places li.ill { border-left-color: var(--urgent); }
#places strong { display: block; } #places .mark { float: right; color: var(--well); } #places .ill .mark { color: var(--urgent); }
#places span.since { color: var(--quiet); display: block; font-size: .9em; }
details.invalid { margin-top: .6rem; color: var(--quiet); } details.invalid td { padding: .2rem .75rem .2rem 0; vertical-align: top; overflow-wrap: anywhere; }
form { display: flex; flex-wrap: wrap; gap: .6rem; align-items: end; position: sticky; top: 0; background: var(--page); padding: .5rem 0; z-index: 1; }
label { display: flex; flex-direction: column; font-size: .85rem; color: var(--quiet); flex: 1 1 9rem; max-width: 18rem; }
input, select, button { font: inherit; font-size: .95rem; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: .35rem .6rem; height: 2.2rem; min-width: 0; color: var(--text); }
button { cursor: pointer; } button[aria-pressed="true"] { border-color: var(--accent); color: var(--accent); }
#status { margin-left: auto; padding-bottom: .35rem; color: var(--quiet); font-variant-numeric: tabular-nums; }
#alerts { list-style: none; margin: 0 0 2rem; padding: 0; background: var(--card); border: 1px solid var(--line); border-radius: 6px; overflow: hidden; }
#alerts:empty::after { content: "No alerts yet."; display: block; padding: 1rem; color: var(--quiet); }
#alerts > li { border-bottom: 1px solid var(--line); }
#alerts > li:last-child { border-bottom: 0; }
#alerts > li[hidden] { display: none; }
#alerts summary { display: grid; grid-template-columns: 6rem 7.5rem minmax(10rem, 22rem) minmax(8rem, 16rem) minmax(10rem, 1fr);
  gap: .9rem; padding: .4rem .75rem; cursor: pointer; list-style: none; border-left: 3px solid transparent; }
#alerts summary::-webkit-details-marker { display: none; }
#alerts summary:hover { background: var(--hover); }
#alerts summary > * { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
#alerts time { color: var(--quiet); font-variant-numeric: tabular-nums; } #alerts .rule { font-weight: 600; } #alerts .where, #alerts .output { color: var(--quiet); }
#alerts li.urgent summary { border-left-color: var(--urgent); } #alerts li.warn summary { border-left-color: var(--warn); }
.urgent .priority { color: var(--urgent); font-weight: 600; } .warn .priority { color: var(--warn); font-weight: 600; } .calm .priority { color: var(--calm); }
details[open] > summary { background: var(--hover); }
#alerts details[open] > summary > span { white-space: normal; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: minmax(9rem, max-content) 1fr; gap: .15rem 1.25rem; margin: .5rem 1rem 1rem; }
dt { color: var(--quiet); } dd { margin: 0; overflow-wrap: anywhere; white-space: pre-wrap; font-family: ui-monospace, monospace; font-size: .93em; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: -2px; }
@media (max-width: 60rem) {
  #alerts summary { grid-template-columns: auto 1fr; gap: .1rem .9rem; }
  #alerts .rule, #alerts .where, #alerts .output { grid-column: 1 / -1; } label { flex-basis: 40%; max-width: none; } form { position: static; } #status { margin-left: 0; }
  dl { grid-template-columns: 1fr; } dd { margin-bottom: .3rem; }
}
`

export function renderPage({ version, places, invalid }: PageFacts): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Peregrine</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/style.css">
<script src="/page.js" type="module"></script>
<header>
<h1>Peregrine</h1>
<p>version ${escapeHtml(version)}</p>
<nav aria-label="For machines"><a href="/metrics">metrics</a> <a href="/healthz">health</a> <a href="/readyz">readiness</a></nav>
</header>
<main>
<h2 id="places-title">In and out</h2>
<ul id="places" aria-labelledby="places-title">${places.map(renderPlace).join('')}</ul>
${invalid.length === 0 ? '' : renderInvalid(invalid)}
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

/** A falcon's head would be too much at this size: a wing. */
export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#1f5fbf"/><path d="M5 9c8 0 14 3 17 9 2 3 3 5 5 6-6 1-11-1-14-4-2-2-3-4-5-6 3 1 6 2 8 4-2-4-6-7-11-9z" fill="#fff"/></svg>
`

function renderPlace({ name, isWell, state, since = '', lastError = '' }: Place): string {
  const mark = isWell
    ? '●<span class="unseen">well</span>'
    : '▲<span class="unseen">in trouble</span>'
  const parts = [
    `<span class="mark">${mark}</span>`,
    `<strong>${escapeHtml(name)}</strong>`,
    `<span>${escapeHtml(state)}</span>`,
    since === '' ? '' : `<span class="since">since ${escapeHtml(since)}</span>`,
    lastError === '' ? '' : `<span class="since">last error: ${escapeHtml(lastError)}</span>`,
  ]
  return `<li class="${isWell ? 'well' : 'ill'}">${parts.join('')}</li>\n`
}

function renderInvalid(invalid: PageFacts['invalid']): string {
  const rows = invalid.map(
    ({ reason, text }) => `<tr><td>${escapeHtml(reason)}</td><td>${escapeHtml(text)}</td></tr>`,
  )
  return `<details class="invalid"><summary>Messages that were no valid alert, the last of each kind</summary>
<table><tbody>${rows.join('\n')}</tbody></table></details>`
}

const CHOICES = ['Debug', 'Informational', 'Notice', 'Warning', 'Error', 'Critical', 'Alert']

function renderPriorities(): string {
  return [...CHOICES, 'Emergency'].map((name) => `<option>${name}</option>`).join('')
}
