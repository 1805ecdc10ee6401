/** The reference of all settings as Markdown: docs/configuration.md, by `npm run docs`. */
import { SETTINGS, toEnvironmentName, type Setting } from './settings.js'

export function renderReference(): string {
  const lines = [
    '# Configuration of the exporter',
    '',
    'Written by `npm run docs` from `src/config/settings.ts`; do not edit.',
    '',
    'A setting comes from its flag, else from the environment, else from the YAML file that `--config` or `PEREGRINE_CONFIG` names, else it has its default.',
    'The key in the file is the flag without its dashes; a list is a YAML list there, and separated by commas in the environment.',
    'Secrets are only ever named by files.',
    '',
    '- `peregrine --print-config` prints what is in force and where each value came from; the output is a valid file.',
    '- `peregrine doctor` tries every connection once and says what to fix.',
    '- `peregrine --healthcheck` asks the exporter that runs with these settings whether it is alive.',
    '- `peregrine receiver --listen 127.0.0.1:9377` shows what Alertmanager notifies; `PEREGRINE_RECEIVER_LISTEN` is the same; `PEREGRINE_GRAFANA_URL` is where its links lead.',
    '- SIGHUP takes over `falco`, `falco-tls-*`, `*-filter`, `*-min-priority`, `web-config-file` with the files that it names, logins and certificates of the intake, of Loki and of Alertmanager, `loki-header`, and `log-level`; the log says what else changed and needs a restart.',
    '',
    'Durations are a number and `s`, `m`, `h` or `d`; sizes a number and `KB`, `KiB`, `MB`, `MiB`, `GB` or `GiB`.',
    'Priorities are `Emergency`, `Alert`, `Critical`, `Error`, `Warning`, `Notice`, `Informational`, `Debug`, or 0 to 7 in this order.',
    "falcosidekick's label `priority` counts the other way, from 1 (debug) to 8 (emergency): mind it when you bring queries along.",
    '',
    '| Setting | Environment | Default | What for |',
    '|---|---|---|---|',
    ...SETTINGS.map(renderRow),
    '',
  ]
  return lines.join('\n')
}

function renderRow({ name, placeholder, text, default: standard, isList }: Setting): string {
  const value = standard === undefined ? '' : `\`${standard}\``
  const many = isList ? ' (list)' : ''
  const cells = [
    `\`${name}: ${placeholder}\`${many}`,
    `\`${toEnvironmentName(name)}\``,
    value,
    text,
  ]
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}
