/** Certificates as a site has them, made anew for each test. */
import { execFileSync } from 'node:child_process'

/** An authority, a server and a client certificate, and one of a stranger. */
export function makeCertificates(directory: string, host = 'localhost'): void {
  const openssl = (...args: readonly string[]): void => {
    execFileSync('openssl', args, { cwd: directory, stdio: 'ignore' })
  }
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  for (const ca of ['ca', 'stranger']) {
    const names = ['-subj', `/CN=${ca}`, '-keyout', `${ca}.key`, '-out', `${ca}.pem`]
    openssl('req', '-x509', ...ec, '-days', '2', ...names)
  }
  for (const [name, ca] of [
    ['server', 'ca'],
    ['client', 'ca'],
    ['other', 'stranger'],
  ] as const) {
    const alt = ['-addext', `subjectAltName=DNS:${host}`]
    const request = ['-keyout', `${name}.key`, '-out', `${name}.csr`]
    openssl('req', ...ec, '-subj', `/CN=${name}`, ...alt, ...request)
    const signer = ['-CA', `${ca}.pem`, '-CAkey', `${ca}.key`, '-CAcreateserial']
    const files = ['-in', `${name}.csr`, '-out', `${name}.pem`]
    openssl('x509', '-req', ...files, ...signer, '-days', '2', '-copy_extensions', 'copy')
  }
}
