/** `fd.types` tells what a process has open besides the descriptor that the event is about. */
import { closeSync, openSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { temporaryDirectory } from '../exporter/support/exporter.js'
import { deed, startDaemon } from './support/daemon.js'

/** Links of this very process. */
function links(): ReadonlyMap<number, string> {
  const folder = '/proc/self/fd'
  const numbers = readdirSync(folder)
  return new Map(
    numbers.flatMap((number) => {
      try {
        return [[Number(number), readlinkSync(join(folder, number))]]
      } catch {
        return [] // The folder itself was open while it was read.
      }
    }),
  )
}

void t.test('kinds of all descriptors, of one, and of one that is not open', async (t) => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const find = (beginning: string): number =>
    [...links()].find(([, link]) => link.startsWith(beginning))?.[0] ?? -1
  const poll = find('anon_inode:[eventpoll]')
  const mark = join(temporaryDirectory(t), 'mark')
  writeFileSync(mark, '')
  // Sockets are found by what is known of them: other sockets of this process are not of IPv4.
  const sockets = [...links()].filter(([, link]) => link.startsWith('socket:'))
  const daemon = await startDaemon(t, {
    rules: [
      {
        rule: 'Opened',
        condition: `evt.type in (open, openat) and fd.name = "${mark}" and fd.types intersects (ipv4) and fd.types[${poll}] in (eventpoll)`,
        output: `%fd.num %fd.types %fd.types[${poll}] %fd.types[999] ${sockets.map(([fd]) => `%fd.types[${fd}]`).join(' ')}`,
      },
      {
        rule: 'Gone',
        condition: `evt.type in (open, openat) and fd.name = "${mark}" and not fd.types intersects (ipv4)`,
        output: '%fd.num %fd.types',
      },
    ],
  })
  const own = openSync(mark, 'r')
  t.teardown(() => {
    closeSync(own)
  })
  const { output_fields: fields } = await daemon.alert('opened', ({ rule }) => rule === 'Opened')
  t.equal(fields['fd.num'], own)
  t.match(fields['fd.types'], /ipv4/)
  t.match(fields['fd.types'], /file/)
  t.match(fields['fd.types'], /eventpoll/)
  t.match(fields[`fd.types[${poll}]`], /eventpoll/)
  t.equal(fields['fd.types[999]'], null)
  t.ok(sockets.some(([fd]) => String(fields[`fd.types[${fd}]`]).includes('ipv4')))

  deed('open', 'openat', mark, 'r')
  const gone = await daemon.alert('gone', ({ rule }) => rule === 'Gone')
  t.match(gone.output_fields['fd.types'], /file/, 'at least what the event tells')
})
