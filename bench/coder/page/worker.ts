import { expose } from 'comlink'
import { toHex } from '../../../core/base/bytes.ts'
import { Cutter } from '../../../core/flows/store/cutter.ts'
import type { Keeper, Member } from '../../../core/flows/store/keeper.ts'
import { Outbox } from '../../../core/flows/store/outbox.ts'
import { Packer } from '../../../core/flows/store/packer.ts'
import type { FileEntry } from '../../../core/flows/list/entry.ts'
import type { CodedChunk, CoderKeys } from '../../../core/ports/coder.ts'
import { openShardStore } from '../../../core/vault/shard-store.ts'
import { MemoryMetaStore } from '../../../core/testkit/memory-meta-store.ts'
import { createCoderPool, lanesFor } from '../../../workers/coder-pool.ts'
import { openOpfsShardFiles } from '../../../workers/storage/opfs-shard-files.ts'
import type { CoderBench, ReadResult, StoreOptions, StoreResult } from './results.ts'

const SMALL = 2 ** 20
const REDUNDANCY = { k: 10, n: 16 }
const keys: CoderKeys = { cut: key(1), dedup: key(2), seal: key(3) }

function key(value: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(32).fill(value)
}

const pool = createCoderPool({
  lanes: Number(new URLSearchParams(self.name).get("lanes") ?? lanesFor(navigator.hardwareConcurrency)),
  spawn: () => new Worker(new URL('../../../workers/coder-worker.ts', import.meta.url), { type: 'module' }),
})
let kept: CodedChunk[] = []

/** The app's own cutter and packer over its pool; what would be recorded and sent is counted, and written where that is asked for. */
class Bench implements CoderBench {
  async store(files: readonly File[], { written, kept: keep }: StoreOptions): Promise<StoreResult> {
    const outbox = new Outbox(await openShardStore(await openOpfsShardFiles(navigator.storage, `bench-${crypto.randomUUID()}`), new MemoryMetaStore()))
    const result = { bytes: 0, shards: 0, chunks: 0 }
    kept = []
    const keeper = {
      known: () => Promise.resolve(undefined),
      refer: () => Promise.resolve(false),
      async keep(members: readonly Member[], coded: CodedChunk) {
        result.chunks++
        result.bytes += members.reduce((sum, { piece }) => sum + piece.length, 0)
        result.shards += coded.n * coded.shardSize
        if (keep) kept.push(coded)
        if (written) await outbox.keep(coded, coded.roots.map(toHex), coded.roots.map((_, index) => index))
      },
    } as unknown as Keeper
    const deps = { coder: pool, keeper, outbox, redundancy: REDUNDANCY, failed: (_: Member, error: unknown) => { throw error } }
    const [cutter, packer] = [new Cutter(deps), new Packer(deps)]
    const { signal } = new AbortController()
    const begin = performance.now()
    for (const source of files) {
      const file = { record: { sealedBytes: 0 }, control: new AbortController() } as unknown as FileEntry
      if (source.size >= SMALL) await cutter.cut(file, source, keys, signal)
      else for (const piece of await pool.identify([source], keys)) await packer.add({ file, piece }, keys, signal)
    }
    await packer.flush(signal)
    return { seconds: (performance.now() - begin) / 1000, ...result }
  }

  /** Opens all that `store` kept, with the first `lost` data rows missing, several chunks at once as a reader does. */
  async read(lost: number): Promise<ReadResult> {
    const { lanes } = pool
    let bytes = 0
    const waiting = [...kept]
    const begin = performance.now()
    const work = async (): Promise<void> => {
      for (let chunk = waiting.shift(); chunk !== undefined; chunk = waiting.shift()) {
        const { k, n, shardSize, frames } = chunk
        const rows = chunk.shards.map((shard, index) => ({ index, bytes: shard.slice() })).slice(lost, lost + k)
        const plain = await pool.decode({ k, n, shardSize, rows }, frames[0]!)
        bytes += plain.length
      }
    }
    await Promise.all(Array.from({ length: lanes + 1 }, work))
    return { seconds: (performance.now() - begin) / 1000, bytes }
  }
}

expose(new Bench())
