/** Tests of a file's name that look at where a link leads, if that is asked for. */
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { temporaryDirectory } from '../exporter/support/exporter.js'
import { deed, startDaemon } from './support/daemon.js'

const OPENS = 'evt.type in (open, openat)'

void t.test('a link shows what it leads to only where that is asked for', async (t) => {
  const folder = temporaryDirectory(t)
  const kept = join(folder, 'kept')
  const link = join(folder, 'link')
  writeFileSync(kept, '')
  symlinkSync(kept, link)
  const rules = [
    { rule: 'Whole', condition: `${OPENS} and fd.name = "${kept}"` },
    { rule: 'Pattern', condition: `${OPENS} and fd.name glob "*/kept"` },
    { rule: 'Last', condition: `${OPENS} and fd.filename = kept and fd.directory = "${folder}"` },
    { rule: 'Other', condition: `${OPENS} and fd.name = "${link}" and not fd.name = "${kept}"` },
  ]
  const seen = async (which: string): Promise<readonly string[]> => {
    const args = ['--rule-matching', 'all', '--resolved-names', which]
    const daemon = await startDaemon(t, { rules, args })
    deed('open', 'openat', link, 'r')
    await daemon.alert('the link', ({ rule }) => rule === 'Other')
    const rulesSeen = daemon.alerts().map(({ rule }) => rule)
    await daemon.stop()
    return rulesSeen
  }
  t.same(await seen('all'), ['Whole', 'Pattern', 'Last', 'Other'])
  t.same(await seen('built-in'), ['Other'], 'these rules are of the user')
  t.same(await seen('off'), ['Other'])
})
