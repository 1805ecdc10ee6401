/**
 * The configuration: one table of settings; file, environment and flags; checked, immutable.
 *
 * All problems are told at once, each with its place (flag, variable, or file, line and column)
 * and, for unknown names, the nearest known one. Secrets are only ever named by files.
 */
export { parseCommand, type Command, type Surroundings } from './config.js'
export type { Config, GrafanaConfig } from './resolve.js'
export type { AlertmanagerConfig, IntakeConfig, LokiConfig } from './targets.js'
export { ConfigError, readIntakeSecrets, readLogin, readLokiTarget, readTls } from './secrets.js'
