/** Images for container runtimes, made here: no registry is asked. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A root file system with a static busybox under these names, as a tarball. */
export function packBusybox(directory: string, commands: readonly string[]): string {
  return packRoot(directory, 'busybox', (root) => {
    mkdirSync(join(root, 'bin'))
    mkdirSync(join(root, 'etc'))
    cpSync('/bin/busybox', join(root, 'bin/busybox'))
    for (const command of commands) symlinkSync('busybox', join(root, 'bin', command))
  })
}

/** A root file system of what is filled in, as a tarball. */
export function packRoot(directory: string, name: string, fill: (root: string) => void): string {
  const root = join(directory, `${name}.root`)
  const tarball = join(directory, `${name}.tar`)
  mkdirSync(root, { recursive: true })
  fill(root)
  run('tar', '-C', root, '-cf', tarball, '.')
  return tarball
}

/** An OCI archive of one layer. */
export function packImage(
  directory: string,
  name: string,
  layerTarball: string,
  entrypoint: readonly string[],
): string {
  const layout = join(directory, `${name.replaceAll(/[^a-z0-9]/g, '-')}.oci`)
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true })
  const put = (bytes: Buffer): { digest: string; size: number } => {
    const hash = createHash('sha256').update(bytes).digest('hex')
    writeFileSync(join(layout, 'blobs/sha256', hash), bytes)
    return { digest: `sha256:${hash}`, size: bytes.length }
  }
  const putJson = (value: object): { digest: string; size: number } =>
    put(Buffer.from(JSON.stringify(value)))
  const layer = put(readFileSync(layerTarball))
  const config = putJson({
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    config: { Entrypoint: entrypoint, Env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'] },
    rootfs: { type: 'layers', diff_ids: [layer.digest] },
  })
  const oci = 'application/vnd.oci.image'
  const manifest = putJson({
    schemaVersion: 2,
    mediaType: `${oci}.manifest.v1+json`,
    config: { mediaType: `${oci}.config.v1+json`, ...config },
    layers: [{ mediaType: `${oci}.layer.v1.tar`, ...layer }],
  })
  const annotations = { 'io.containerd.image.name': name }
  writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  writeFileSync(
    join(layout, 'index.json'),
    JSON.stringify({
      schemaVersion: 2,
      manifests: [{ mediaType: `${oci}.manifest.v1+json`, ...manifest, annotations }],
    }),
  )
  const archive = `${layout}.tar`
  run('tar', '-C', layout, '-cf', archive, '.')
  return archive
}

function run(program: string, ...args: readonly string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`)
}
