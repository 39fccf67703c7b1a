import { expose } from 'comlink'
import { equal, toHex } from '../../../core/base/bytes.ts'
import { Bell } from '../../../core/flows/bell.ts'
import { FileEntry } from '../../../core/flows/list/entry.ts'
import { Cutter } from '../../../core/flows/store/cutter.ts'
import { Intake } from '../../../core/flows/store/intake.ts'
import type { Keeper, Member } from '../../../core/flows/store/keeper.ts'
import { Outbox } from '../../../core/flows/store/outbox.ts'
import { Packer } from '../../../core/flows/store/packer.ts'
import type { FileRecord, PieceRecord } from '../../../core/formats/list.ts'
import { loadBlake3 } from '../../../core/merkle/blake3.ts'
import type { CodedChunk, CoderKeys } from '../../../core/ports/coder.ts'
import { MemoryMetaStore } from '../../../core/testkit/memory-meta-store.ts'
import { openShardStore } from '../../../core/vault/shard-store.ts'
import { systemClock } from '../../../peer/system.ts'
import { browserCoder } from '../../../workers/coder-workers.ts'
import { openOpfsShardFiles } from '../../../workers/storage/opfs-shard-files.ts'
import { cancelled } from './cancel.ts'
import { kernelRates } from './measure.ts'
import type { CancelResult, CoderBench, KernelRates, ReadResult, StoreOptions, StoreResult } from './results.ts'

const REDUNDANCY = { k: 10, n: 16 }
const keys: CoderKeys = { cut: key(1), dedup: key(2), seal: key(3) }

function key(value: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(32).fill(value)
}

const pool = browserCoder(() => new Worker(new URL('../../../workers/coder-worker.ts', import.meta.url), { type: 'module' }))
const loading = loadBlake3()

/** The app's own intake, cutter, packer and outbox over its pool; only what would be recorded and sent is counted instead. */
class Bench implements CoderBench {
  private readonly known = new Set<string>()
  private kept: CodedChunk[] = []

  async store(files: readonly File[], options: StoreOptions): Promise<StoreResult> {
    const outbox = new Outbox(await openShardStore(await openOpfsShardFiles(navigator.storage, `bench-${crypto.randomUUID()}`), new MemoryMetaStore()))
    const sums = { bytes: 0, fresh: 0, compressed: 0, shards: 0 }
    this.kept = []
    if (options.anew) this.known.clear()
    const done = new Bell()
    const count = ({ piece, file }: Member): void => {
      sums.bytes += piece.length
      const { record } = file
      const sealedBytes = record.sealedBytes + piece.length
      file.record = { ...record, sealedBytes, scanned: sealedBytes === record.size }
      done.ring()
    }
    const keeper: Pick<Keeper, 'known' | 'refer' | 'keep'> = {
      known: ({ piece }) => Promise.resolve(this.known.has(toHex(piece.id)) ? ({} as PieceRecord) : undefined),
      refer: (member) => {
        count(member)
        return Promise.resolve(true)
      },
      keep: async (members, coded) => {
        for (const { piece } of members) this.known.add(toHex(piece.id))
        sums.fresh += members.reduce((sum, { piece }) => sum + piece.length, 0)
        sums.compressed += coded.compressed
        sums.shards += coded.n * coded.shardSize
        if (options.kept) this.kept.push(coded)
        if (options.written) await outbox.keep(coded, coded.roots.map(toHex), coded.roots.map((_, index) => index))
        members.forEach(count)
      },
    }
    const failed = (_: unknown, error: unknown): void => { throw error }
    const deps = { coder: pool, keeper: keeper as Keeper, outbox, redundancy: REDUNDANCY, failed }
    const intake = new Intake({ ...deps, cutter: new Cutter(deps), packer: new Packer(deps), clock: systemClock, keysOf: () => keys, recorded: () => undefined, journal: undefined as never })
    const entries = files.map((source, i) => {
      const entry = new FileEntry(String(i), { size: source.size, sealedBytes: 0, scanned: false } as FileRecord)
      entry.source = source
      return entry
    })
    const stop = new AbortController()
    const begin = performance.now()
    for (const entry of entries) intake.add(entry)
    const running = intake.run(stop.signal)
    while (entries.some(({ record }) => !record.scanned)) await done.wait(stop.signal)
    const seconds = (performance.now() - begin) / 1000
    stop.abort()
    await running
    return { seconds, ...sums }
  }

  async read(lost: number): Promise<ReadResult> {
    const blake3 = await loading
    let bytes = 0
    const waiting = [...this.kept]
    const begin = performance.now()
    const work = async (): Promise<void> => {
      for (let chunk = waiting.shift(); chunk !== undefined; chunk = waiting.shift()) {
        const { k, n, shardSize, frames, roots, shards } = chunk
        // What a network brings are buffers of their own. Making them is timed: borg reads its repository, too.
        const rows = shards.slice(lost, lost + k).map((shard, i) => ({ index: lost + i, bytes: shard.slice() }))
        for (const row of rows) if (!equal(blake3.hash(row.bytes), roots[row.index]!)) throw new Error('a shard does not hash to its root')
        for (const frame of frames) bytes += (await pool.decode({ k, n, shardSize, rows }, frame)).length
      }
    }
    await Promise.all(Array.from({ length: pool.lanes + 1 }, work))
    return { seconds: (performance.now() - begin) / 1000, bytes }
  }

  kernels(): Promise<KernelRates> {
    return kernelRates()
  }

  cancel(file: File, times: number): Promise<CancelResult> {
    return cancelled(file, times, keys)
  }

  async write(bytes: number, size: number): Promise<number> {
    const files = await openOpfsShardFiles(navigator.storage, `plain-${crypto.randomUUID()}`)
    const block = crypto.getRandomValues(new Uint8Array(65_536))
    const shard = new Uint8Array(size)
    for (let at = 0; at < size; at += block.length) shard.set(block.subarray(0, Math.min(block.length, size - at)), at)
    const begin = performance.now()
    for (let at = 0; at < bytes; at += size) await files.write((at % 256).toString(16).padStart(2, '0'), String(at), shard)
    return (performance.now() - begin) / 1000
  }
}

expose(new Bench())
