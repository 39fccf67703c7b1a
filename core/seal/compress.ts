import { concat, type Bytes } from '../base/bytes.ts'
import type { Compression } from '../formats/frame.ts'
import { deflate, inflate } from './compress-deflate.ts'
import { runsLibrary, unzstd, zstd } from './compress-zstd.ts'

/** Compression is kept when it saves at least 1/16 (docs/formats/chunk.md 3). */
const SAVES = 16
/** What the probe looks at: 4 slices of 8 KiB, whatever the chunk. */
const SLICE = 8 * 1024
const SLICES = 4
/** Bytes of a sample from which its entropy tells random bytes from others: below, random bytes look ordered, and trying is cheap. */
const LEAST_SAMPLE = 4 * 1024
/** Bits per byte over which a sample counts as random. Random samples of 4 KiB and more come out at 7.94 and more. */
const RANDOM_BITS = 7.9

/** Every compression but none. */
export type Compressor = Exclude<Compression, 'none'>

/** The best that this runtime can write. */
export function bestCompressor(): Compressor {
  return runsLibrary() ? 'zstd' : 'deflate'
}

/**
 * `plaintext` compressed, or `undefined` when a sample of it looks random, or when the sample, or all of it, saves less than 1/16.
 * Data that looks random costs a count of its sample, and does not even load the compressor. Throws `transient` `zstd.unavailable` when that cannot be loaded.
 */
export async function compress(plaintext: Bytes, compressor: Compressor): Promise<Bytes | undefined> {
  const sample = sampleOf(plaintext)
  if (sample.length >= LEAST_SAMPLE && entropy(sample) > RANDOM_BITS) return undefined
  if (sample.length < plaintext.length && (await worthwhile(sample, compressor)) === undefined) return undefined
  return worthwhile(plaintext, compressor)
}

/**
 * The `size` bytes in `body`, or `undefined` when it holds more, or less, or is malformed. Nothing beyond `size` bytes is made, so a bomb costs no
 * more than an honest body. Throws `transient` `zstd.unavailable` when the decompressor cannot be loaded.
 */
export async function decompress(body: Bytes, compressor: Compressor, size: number): Promise<Bytes | undefined> {
  return compressor === 'zstd' ? unzstd(body, size) : inflate(body, size)
}

async function worthwhile(plaintext: Bytes, compressor: Compressor): Promise<Bytes | undefined> {
  const body = await (compressor === 'zstd' ? zstd(plaintext) : deflate(plaintext))
  return body.length <= plaintext.length - Math.ceil(plaintext.length / SAVES) ? body : undefined
}

/** Slices from all over a long plaintext, or all of a short one. */
function sampleOf(plaintext: Bytes): Bytes {
  if (plaintext.length <= 2 * SLICE * SLICES) return plaintext
  const step = (plaintext.length - SLICE) / (SLICES - 1)
  return concat(
    Array.from({ length: SLICES }, (_, i) => plaintext.subarray(Math.floor(i * step), Math.floor(i * step) + SLICE)),
  )
}

/** Order-0 entropy of `bytes` (one or more) in bits per byte (Shannon 1948). */
function entropy(bytes: Bytes): number {
  const counts = new Uint32Array(256)
  for (let i = 0; i < bytes.length; i++) counts[bytes[i]!]!++
  let sum = 0
  for (const count of counts) if (count > 0) sum += count * Math.log2(count)
  return Math.log2(bytes.length) - sum / bytes.length
}
