import type { Bytes } from '../base/bytes.ts'
import { AppError } from '../base/errors.ts'
import { checkShardRoot } from '../base/shard-root.ts'
import type { ShardEntry, ShardRoot, ShardStore } from '../ports/shard-store.ts'

interface Held {
  readonly size: number
  /** `undefined` when the file was lost behind the store's back. */
  bytes: Bytes | undefined
}

/** What outlives a `MemoryShardStore`: several stores over one disk are one store before and after a restart. */
export interface MemoryShardDisk {
  readonly shards: Map<ShardRoot, Held>
  /** Bytes that fit; may be changed at any time. */
  quota: number
}

/** An empty disk of `quota` bytes. */
export function memoryShardDisk(quota: number = Number.MAX_SAFE_INTEGER): MemoryShardDisk {
  return { shards: new Map(), quota }
}

/** A `ShardStore` in memory, with the exact semantics of the port. */
export class MemoryShardStore implements ShardStore {
  readonly disk: MemoryShardDisk
  private closed = false

  constructor(disk: MemoryShardDisk = memoryShardDisk()) {
    this.disk = disk
  }

  async put(root: ShardRoot, bytes: Uint8Array): Promise<void> {
    await this.ready(root)
    const held = this.disk.shards.get(root)
    if (held !== undefined && held.bytes?.length === held.size) return
    if (this.used() - (held?.size ?? 0) + bytes.length > this.disk.quota) throw new AppError('quota', 'storage.full', 'the disk is full')
    this.disk.shards.set(root, { size: bytes.length, bytes: new Uint8Array(bytes) })
  }

  async get(root: ShardRoot, range?: { offset: number; length: number }): Promise<Bytes> {
    await this.ready(root)
    const held = this.disk.shards.get(root)
    if (held === undefined) throw new AppError('absent', 'shard.absent', 'no such shard')
    const { offset, length } = range ?? { offset: 0, length: held.size }
    const whole = Number.isInteger(offset) && Number.isInteger(length)
    if (!whole || offset < 0 || length < 0 || offset + length > held.size) {
      throw new AppError('invalid', 'shard.range', 'the range lies outside the shard')
    }
    if (held.bytes?.length !== held.size) throw new AppError('corrupt', 'shard.damaged', 'the file is missing or has another length')
    return held.bytes.slice(offset, offset + length)
  }

  async size(root: ShardRoot): Promise<number | undefined> {
    await this.ready(root)
    return this.disk.shards.get(root)?.size
  }

  async delete(root: ShardRoot): Promise<void> {
    await this.ready(root)
    this.disk.shards.delete(root)
  }

  async *list(): AsyncIterable<ShardEntry> {
    for (const [root, held] of [...this.disk.shards]) {
      await this.ready(root)
      yield { root, size: held.size }
    }
  }

  async room(): Promise<{ used: number; free: number }> {
    await this.ready()
    const used = this.used()
    return { used, free: Math.max(0, this.disk.quota - used) }
  }

  close(): Promise<void> {
    this.closed = true
    return Promise.resolve()
  }

  /** Changes the bytes of a shard behind the store's back: `undefined` loses the file. */
  damage(root: ShardRoot, change: (bytes: Bytes) => Bytes | undefined): void {
    const held = this.disk.shards.get(root)
    if (held?.bytes === undefined) throw new AppError('bug', 'test.nothing-to-damage', root)
    held.bytes = change(held.bytes)
  }

  private used(): number {
    let used = 0
    for (const held of this.disk.shards.values()) used += held.size
    return used
  }

  /** Takes a turn of the event loop's micro-tasks, as any disk does at least, and checks what every operation must. */
  private async ready(root?: ShardRoot): Promise<void> {
    await Promise.resolve()
    if (root !== undefined) checkShardRoot(root)
    if (this.closed) throw new AppError('transient', 'shard.io', 'the store is closed')
  }
}
