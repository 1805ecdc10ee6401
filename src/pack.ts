/**
 * Bytes that are packed once, when they go into the outbox, and then put together to gzip
 * streams without being unpacked: the disk holds a tenth, and no push packs anything again.
 *
 *   piece   CRC-32 and length of the plain bytes, then DEFLATE blocks that refer to nothing
 *           before them and end on a byte
 *   push    gzip header ─ pieces ─ an empty last block ─ CRC-32 and length of all
 *
 * RFC 1951 and 1952; each reader of gzip takes it as one ordinary stream.
 */
import { constants, crc32, createDeflateRaw, deflateRawSync, inflateRawSync } from 'node:zlib'

const CHECK_BYTES = 8
/** Level 1: two thirds of the work of level 6 and hardly larger on log lines. */
const LEVEL = 1
/** A piece of half a megabyte comes out in one go. */
const OUT_BYTES = 128 * 1024

export interface Packer {
  /**
   * `plain` is not empty, and must stay as it is until this resolves; one piece is packed at a
   * time.
   */
  pack(plain: Buffer): Promise<Buffer>
}

/** One compressor for all pieces: a new one would cost more than a small piece does. */
export function createPacker(): Packer {
  const options = {
    level: LEVEL,
    // Forgets what came before: the next piece refers to nothing in this one.
    flush: constants.Z_FULL_FLUSH,
    chunkSize: OUT_BYTES,
    // Nobody reads while a piece is being packed.
    readableHighWaterMark: Number.MAX_SAFE_INTEGER,
  }
  const deflate = createDeflateRaw(options)
  return {
    pack: (plain) =>
      new Promise((resolve, reject) => {
        deflate.write(plain, (error) => {
          const blocks: unknown = deflate.read()
          if (Buffer.isBuffer(blocks)) resolve(withCheck(plain, blocks))
          else reject(error ?? new Error('nothing was packed'))
        })
      }),
  }
}

export function packNow(text: string): Buffer {
  const plain = Buffer.from(text)
  const options = { level: LEVEL, finishFlush: constants.Z_FULL_FLUSH }
  return withCheck(plain, deflateRawSync(plain, options))
}

function withCheck(plain: Buffer, blocks: Buffer): Buffer {
  const check = Buffer.allocUnsafe(CHECK_BYTES)
  check.writeUInt32LE(crc32(plain), 0)
  check.writeUInt32LE(plain.length, 4)
  return Buffer.concat([check, blocks])
}

export function unpack(piece: Buffer): Buffer {
  // Its blocks have no last one.
  return inflateRawSync(piece.subarray(CHECK_BYTES), { finishFlush: constants.Z_SYNC_FLUSH })
}

/** No name, no time; 4 says "fastest", 255 "unknown system". */
const GZIP_HEAD = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255])
const LAST_BLOCK = Buffer.from([0x03, 0x00])

/** One gzip stream of what is in the pieces, in their order. */
export function toGzip(pieces: readonly Buffer[]): Buffer {
  let sum = 0
  let length = 0
  for (const piece of pieces) {
    const bytes = piece.readUInt32LE(4)
    sum = combineSums(sum, piece.readUInt32LE(0), bytes)
    length = (length + bytes) >>> 0
  }
  const check = Buffer.allocUnsafe(CHECK_BYTES)
  check.writeUInt32LE(sum, 0)
  check.writeUInt32LE(length, 4)
  const blocks = pieces.map((piece) => piece.subarray(CHECK_BYTES))
  return Buffer.concat([GZIP_HEAD, ...blocks, LAST_BLOCK, check])
}

/** CRC-32's polynomial, its lowest power first. */
const POLYNOMIAL = 0xedb88320

/**
 * The sum of `a b` from the sums of `a` and `b`, as zlib's `crc32_combine` has it: the first is
 * multiplied by x to the power of b's bits, in polynomials over GF(2), and the second is added.
 */
export function combineSums(a: number, b: number, bytesOfB: number): number {
  // x to the power of 8, then squared for each further bit of the length.
  let power = 0x0080_0000
  let factor = 0x8000_0000
  for (let rest = bytesOfB; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) factor = multiply(factor, power)
    power = multiply(power, power)
  }
  return (multiply(factor, a) ^ b) >>> 0
}

function multiply(a: number, b: number): number {
  let product = 0
  let shifted = b
  for (let bit = 0x8000_0000; bit !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) product ^= shifted
    shifted = (shifted & 1) === 0 ? shifted >>> 1 : (shifted >>> 1) ^ POLYNOMIAL
  }
  return product >>> 0
}
