/**
 * Writes the dashboards as files.
 *
 *   dashboards/*.json          for provisioning and for the chart
 *   dashboards/import/*.json   for import by hand: Grafana asks which data sources to use
 *   …/without-loki/*.json      the same for those who have no Loki
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { argv } from 'node:process'
import { generated } from './generated.js'

const directory = argv[2] ?? 'dashboards'
mkdirSync(join(directory, 'without-loki'), { recursive: true })
mkdirSync(join(directory, 'import/without-loki'), { recursive: true })
for (const [path, text] of generated()) writeFileSync(join(directory, path), text)
