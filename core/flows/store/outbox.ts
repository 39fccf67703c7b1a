import type { Bytes } from '../../base/bytes.ts'
import { Gate } from '../../base/gate.ts'
import type { CodedChunk } from '../../ports/coder.ts'
import type { ShardRoot, ShardStore } from '../../ports/shard-store.ts'
import { isOpen, type Chunk } from './chunk.ts'

/** Bytes of shards that wait for their hosts on this device's disk: enough to ride out a slow host, little enough for a phone. */
export const OUTBOX_BYTES = 256 * 1024 * 1024
/** Shards written at once. */
const WRITES = 4

/**
 * Shards on this device that wait for their hosts. Counts who needs a shard: chunks may share one (rows of nothing but filling are
 * all alike), and it stays until the last of them has its receipt.
 */
export class Outbox {
  /** Bytes that are there, or about to be. */
  readonly gate = new Gate(OUTBOX_BYTES)
  private readonly needed = new Map<ShardRoot, number>()
  private readonly turns = new Map<ShardRoot, Promise<void>>()
  private readonly store: ShardStore

  constructor(store: ShardStore) {
    this.store = store
  }

  /** Writes the rows `indexes` of a coded chunk. When one fails, those that were written are taken back. Errors as `ShardStore.put`. */
  async keep(coded: CodedChunk, roots: readonly ShardRoot[], indexes: readonly number[]): Promise<void> {
    const waiting = [...indexes]
    const kept: number[] = []
    const write = async (): Promise<void> => {
      for (let index = waiting.shift(); index !== undefined; index = waiting.shift()) {
        const [root, shard] = [roots[index], coded.shards[index]]
        if (root === undefined || shard === undefined) continue
        this.need(root)
        kept.push(index)
        await this.inTurn(root, () => this.store.put(root, shard))
      }
    }
    const results = await Promise.allSettled(Array.from({ length: WRITES }, write))
    const failed = results.find((result) => result.status === 'rejected')
    if (failed === undefined) return
    await Promise.allSettled(kept.map((index) => this.drop(roots[index] ?? '', 0)))
    throw failed.reason
  }

  /** Writes shards again that rows need still, and that were lost. Errors as `ShardStore.put`. */
  async restore(coded: CodedChunk, roots: readonly ShardRoot[], indexes: readonly number[]): Promise<void> {
    for (const index of indexes) {
      const [root, shard] = [roots[index], coded.shards[index]]
      if (root !== undefined && shard !== undefined) await this.inTurn(root, () => this.store.put(root, shard))
    }
  }

  /** Counts rows of a chunk that are there from an earlier run. */
  adopt(chunk: Chunk): void {
    chunk.rows.forEach(({ state }, index) => {
      if (!isOpen(state)) return
      this.need(chunk.rootNames[index] ?? '')
      this.gate.force(chunk.shardSize)
    })
  }

  /** One row needs its shard no longer; `size` bytes of the budget become free. */
  async drop(root: ShardRoot, size: number): Promise<void> {
    const left = (this.needed.get(root) ?? 1) - 1
    this.gate.leave(size)
    if (left > 0) {
      this.needed.set(root, left)
      return
    }
    this.needed.delete(root)
    await this.inTurn(root, async () => {
      if (!this.needed.has(root)) await this.store.delete(root)
    })
  }

  get(root: ShardRoot): Promise<Bytes> {
    return this.store.get(root)
  }

  /** Deletes what no row needs: left by a crash between a shard and its record. Only right before anything is kept, after all was adopted. */
  async sweep(): Promise<void> {
    for await (const { root } of this.store.list()) {
      if (!this.needed.has(root)) await this.store.delete(root)
    }
  }

  /** Puts and deletions of one shard never overtake each other. */
  private async inTurn(root: ShardRoot, task: () => Promise<void>): Promise<void> {
    const before = this.turns.get(root) ?? Promise.resolve()
    const mine = before.then(task, task)
    this.turns.set(root, mine)
    try {
      await mine
    } finally {
      if (this.turns.get(root) === mine) this.turns.delete(root)
    }
  }

  private need(root: ShardRoot): void {
    this.needed.set(root, (this.needed.get(root) ?? 0) + 1)
  }
}
