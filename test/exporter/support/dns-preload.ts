/** Loaded before the exporter: the name `daemons.test` has the addresses that a file lists now. */
import { readFileSync } from 'node:fs'
import type { LookupAddress } from 'node:dns'
import promises from 'node:dns/promises'
import { syncBuiltinESMExports } from 'node:module'

const real = promises.lookup
const path = process.env.TEST_ADDRESSES ?? ''

function lookup(host: string, options: { all: true }): Promise<LookupAddress[]> {
  if (host !== 'daemons.test') return real(host, options)
  const addresses = readFileSync(path, 'utf8').split('\n').filter(Boolean)
  if (addresses.length === 0) return Promise.reject(new Error('ENOTFOUND daemons.test'))
  return Promise.resolve(addresses.map((address) => ({ address, family: 4 })))
}

Object.assign(promises, { lookup })
syncBuiltinESMExports()
