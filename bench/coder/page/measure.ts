import { CHUNK_LIMITS, loadChunker } from '../../../core/chunker/chunker.ts'
import { loadErasure } from '../../../core/erasure/erasure.ts'
import { loadBlake3 } from '../../../core/merkle/blake3.ts'
import { noise } from '../../noise.ts'
import type { KernelRates } from './results.ts'

const [K, N] = [10, 16]
/** Bytes of a shard of a chunk of average length. */
const SHARD = 420 * 1024
const FILE = 64 * 2 ** 20
/** Each figure is the best of so many, since whatever else the machine does only makes it slower. */
const ROUNDS = 20
const TOGETHER_MS = 10
const WARM_UP = 5

/** What one thread of this runtime does with its best kernels, in bytes per second. */
export async function kernelRates(): Promise<KernelRates> {
  const [blake3, erasure] = [await loadBlake3(), await loadErasure()]
  const chunker = await loadChunker(blake3)
  const data = Array.from({ length: K }, (_, i) => noise(SHARD, i + 1))
  const rows = [...data, ...erasure.encode(data, N)].map((bytes, index) => ({ index, bytes })).slice(N - K)
  const lost = Array.from({ length: N - K }, (_, index) => index)
  const into = Array.from({ length: N - K }, () => new Uint8Array(SHARD))
  const file = noise(FILE, 9)
  const cutKey = new Uint8Array(32).fill(7)
  return {
    encode: best(K * SHARD, () => erasure.encode(data, N, into)),
    encodeAnew: best(K * SHARD, () => erasure.encode(data, N)),
    decode: best(K * SHARD, () => erasure.restore(rows, K, lost, into)),
    rebuild: best(K * SHARD, () => erasure.restore(rows, K, [0], into.slice(0, 1))),
    hash: best(SHARD, () => blake3.hash(data[0]!)),
    cut: best(FILE, () => {
      for (let at = 0; at < FILE; ) at += chunker.cut(file.subarray(at, at + CHUNK_LIMITS.max), cutKey, at + CHUNK_LIMITS.max >= FILE) ?? FILE
    }),
  }
}

/** Bytes per second. A browser's clock has steps of 0.1 ms, so that short work is timed many times together. */
export function best(bytes: number, work: () => unknown): number {
  // Before it is timed, so that the runtime has compiled it well.
  timed(work, WARM_UP)
  const first = timed(work, 1)
  const times = Math.max(1, Math.ceil(TOGETHER_MS / Math.max(first, 0.1)))
  let least = Infinity
  for (let round = 0; round < ROUNDS; round++) least = Math.min(least, timed(work, times) / times)
  return (bytes * 1000) / least
}

/** Milliseconds. */
function timed(work: () => unknown, times: number): number {
  const begin = performance.now()
  for (let i = 0; i < times; i++) work()
  return performance.now() - begin
}
