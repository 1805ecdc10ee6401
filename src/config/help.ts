/** `--help` and `--print-config`, from the table. */
import type { Given } from './given.js'
import { SETTINGS, toEnvironmentName, type Setting } from './settings.js'

export function renderHelp(): string {
  const lines = [
    'peregrine: counts and ships the alerts of peregrined and Falco',
    '',
    'Usage: peregrine [--config FILE] [--setting VALUE]...',
    '       peregrine doctor [the same]      try every connection, say what to fix',
    '       peregrine receiver [--listen HOST:PORT]',
    '                                        show what Alertmanager notifies',
    '',
    'A setting comes from its flag, else from the environment, else from the YAML file',
    '(key without dashes in front), else it has its default.',
    '',
  ]
  for (const setting of SETTINGS) lines.push(...renderSetting(setting))
  lines.push(
    '  --config FILE',
    '      YAML file of settings. [PEREGRINE_CONFIG]',
    '  --print-config',
    '      Print the settings in force and exit.',
    '  --healthcheck',
    '      Ask the exporter that runs with these settings whether it is alive; exit code 0 if so.',
    '  --version, --help',
    '',
    'SIGHUP reads the settings again and takes over daemons and their certificates, filters,',
    'least priorities, users and certificates of --listen, and the log level.',
    '',
  )
  return lines.join('\n')
}

function renderSetting({ name, placeholder, text, default: standard }: Setting): string[] {
  const ends = [`[${toEnvironmentName(name)}]`]
  if (standard !== undefined) ends.unshift(`Default: ${standard}.`)
  return [`  --${name} ${placeholder}`, `      ${text} ${ends.join(' ')}`]
}

/** Valid input for `--config`: where each came from stands behind it. */
export function renderConfig(given: Given): string {
  return SETTINGS.map((setting: Setting) => renderLine(setting, given)).join('')
}

function renderLine(setting: Setting, given: Given): string {
  const { name, isList } = setting
  const found = [...given.values].find(([known]) => known === name)?.[1]
  if (found === undefined && setting.default === undefined) return `# ${name}: not set\n`
  const texts = found?.texts ?? [setting.default ?? '']
  const value = isList ? JSON.stringify(texts) : JSON.stringify(texts.at(-1))
  return `${name}: ${value} # ${found?.origin ?? 'default'}\n`
}
