/** Opens the database, or says in one line why not and what to do. */
import { mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { hasCode, StoreError } from './errors.js'

export type Database = ClassicLevel<string, Buffer>

export interface Opened {
  readonly database: Database
  readonly movedAside: string | undefined
}

const VERSION_KEY = 'meta/version'
const VERSION = '1'
const ENCODING = { keyEncoding: 'utf8', valueEncoding: 'buffer' } as const

export async function openDatabase(directory: string): Promise<Opened> {
  const path = join(directory, 'store')
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    return await openOrMoveAside(path)
  } catch (error) {
    throw toStoreError(error, directory)
  }
}

/** A damaged store must not keep the exporter from counting: it goes aside, a fresh one opens. */
async function openOrMoveAside(path: string): Promise<Opened> {
  const database: Database = new ClassicLevel(path, ENCODING)
  try {
    await openChecked(database)
    return { database, movedAside: undefined }
  } catch (error) {
    await database.close()
    if (!hasCode(error, 'LEVEL_CORRUPTION')) throw error
    const movedAside = `${path}.damaged-${Date.now()}`
    await rename(path, movedAside)
    const fresh: Database = new ClassicLevel(path, ENCODING)
    await openChecked(fresh)
    return { database: fresh, movedAside }
  }
}

async function openChecked(database: Database): Promise<void> {
  await database.open()
  const version = (await database.get(VERSION_KEY))?.toString()
  if (version === undefined) await database.put(VERSION_KEY, Buffer.from(VERSION))
  else if (version !== VERSION) {
    throw new StoreError(
      'PGR_STORE_NEWER',
      `the store has version ${version}, this program reads version ${VERSION}: ` +
        'use a newer peregrine or another --state-dir',
    )
  }
}

function toStoreError(error: unknown, directory: string): StoreError {
  if (error instanceof StoreError) return error
  if (hasCode(error, 'LEVEL_LOCKED')) {
    return new StoreError(
      'PGR_STORE_IN_USE',
      `state directory ${directory} is in use by another peregrine: stop it or give --state-dir`,
      error,
    )
  }
  return new StoreError(
    'PGR_STORE_UNUSABLE',
    `cannot write to state directory ${directory} (${deepestMessage(error)}): ` +
      'make it writable for this user, or give another --state-dir',
    error,
  )
}

function deepestMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : deepestMessage(error.cause)
}
