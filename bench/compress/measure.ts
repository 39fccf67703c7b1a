import { deflateSync, inflateSync } from 'fflate'
import { deflate, inflate } from '../../core/seal/compress-deflate.ts'
import { unzstd, zstd } from '../../core/seal/compress-zstd.ts'
import { compress } from '../../core/seal/compress.ts'
import type { Bytes } from '../../core/base/bytes.ts'
import { sealChunk } from '../../core/seal/chunk.ts'
import { loadBlake3 } from '../../core/merkle/blake3.ts'

// Runs in the page, and in Node.

/** Of one compressor and one plaintext: how many times smaller, and MiB of plaintext per second, the best of many. */
export interface Measured {
  readonly ratio: number
  readonly compress: number
  readonly decompress: number
}

interface Codec {
  compress(plaintext: Bytes): Promise<Bytes>
  decompress(body: Bytes, size: number): Promise<Bytes | undefined>
}

/** Compressors by name; the first one is the reference. */
const CODECS: Readonly<Record<string, Codec>> = {
  'deflate (CompressionStream)': { compress: deflate, decompress: inflate },
  'deflate (fflate, level 1)': {
    compress: async (plaintext) => deflateSync(plaintext, { level: 1 }),
    decompress: async (body, size) => inflateSync(body, { out: new Uint8Array(size) }),
  },
  'zstd, level 1': { compress: (plaintext) => zstd(plaintext, 1), decompress: unzstd },
  'zstd, level 2': { compress: (plaintext) => zstd(plaintext, 2), decompress: unzstd },
  'zstd, level 3': { compress: (plaintext) => zstd(plaintext, 3), decompress: unzstd },
  'zstd, level 6': { compress: (plaintext) => zstd(plaintext, 6), decompress: unzstd },
}

/** Each compressor over `plaintext`, in turn, so that a busy moment of the machine hits all of them. */
export async function measure(plaintext: Bytes): Promise<Record<string, Measured>> {
  const rows: Record<string, Measured> = {}
  for (let round = 0; round < 4; round++) {
    for (const [name, codec] of Object.entries(CODECS)) {
      const body = await codec.compress(plaintext)
      const now = {
        ratio: plaintext.length / body.length,
        compress: await rate(plaintext.length, () => codec.compress(plaintext)),
        decompress: await rate(plaintext.length, () => codec.decompress(body, plaintext.length)),
      }
      const before = rows[name] ?? now
      rows[name] = {
        ratio: now.ratio,
        compress: Math.max(before.compress, now.compress),
        decompress: Math.max(before.decompress, now.decompress),
      }
    }
  }
  return rows
}

/** Milliseconds that looking at `plaintext` takes before it is kept as it is, and that sealing it takes in all. */
export async function probe(plaintext: Bytes): Promise<{ look: number; seal: number }> {
  const blake3 = await loadBlake3()
  const key = new Uint8Array(32)
  const milliseconds = async (work: () => Promise<unknown>): Promise<number> => (1000 * plaintext.length) / 2 ** 20 / (await rate(plaintext.length, work))
  return { look: await milliseconds(() => compress(plaintext, 'zstd')), seal: await milliseconds(() => sealChunk([{ bytes: plaintext, hash: blake3.hash(plaintext) }], key, blake3)) }
}

/** MiB/s of the fastest turn within a fifth of a second; a turn is as many calls as clocks of browsers (0.1 ms) can tell. */
async function rate(length: number, work: () => Promise<unknown>): Promise<number> {
  const calls = await callsIn5Milliseconds(work)
  let best = Infinity
  const end = performance.now() + 200
  do {
    const start = performance.now()
    for (let i = 0; i < calls; i++) await work()
    best = Math.min(best, (performance.now() - start) / calls)
  } while (performance.now() < end)
  return (length / 2 ** 20 / best) * 1000
}

async function callsIn5Milliseconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  let calls = 0
  do {
    await work()
    calls++
  } while (performance.now() - start < 5)
  return calls
}
