import { AppError } from '../base/errors.ts'
import type { MetaChange, MetaStore } from '../ports/meta-store.ts'

/** What outlives a `MemoryMetaStore`: several stores over one disk are one store before and after a restart. */
export interface MemoryMetaDisk {
  entries: Map<string, Uint8Array>
  /** Bytes of keys and values that fit; may be changed at any time. */
  quota: number
}

/** An empty disk of `quota` bytes. */
export function memoryMetaDisk(quota: number = Number.MAX_SAFE_INTEGER): MemoryMetaDisk {
  return { entries: new Map(), quota }
}

/** Longest key that the port allows, in characters. */
const MAX_KEY = 200

/** A `MetaStore` in memory, with the exact semantics of the port. It refuses keys that the port does not allow (`bug` `meta.key`). */
export class MemoryMetaStore implements MetaStore {
  readonly disk: MemoryMetaDisk
  private closed = false

  constructor(disk: MemoryMetaDisk = memoryMetaDisk()) {
    this.disk = disk
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    await this.ready([key])
    const value = this.disk.entries.get(key)
    return value === undefined ? undefined : new Uint8Array(value)
  }

  async batch(changes: readonly MetaChange[]): Promise<void> {
    // Copied before the first turn: a caller may change its buffers once `batch` was called.
    const copies = changes.map((change) => ('put' in change ? { put: change.put, value: new Uint8Array(change.value) } : change))
    await this.ready(copies.map((change) => ('put' in change ? change.put : change.del)))
    const next = new Map(this.disk.entries)
    for (const change of copies) {
      if ('put' in change) next.set(change.put, change.value)
      else next.delete(change.del)
    }
    let used = 0
    for (const [key, value] of next) used += key.length + value.length
    if (used > this.disk.quota) throw new AppError('quota', 'storage.full', 'the disk is full')
    this.disk.entries = next
  }

  async *range(prefix: string): AsyncIterable<readonly [key: string, value: Uint8Array]> {
    await this.ready()
    const keys = [...this.disk.entries.keys()].filter((key) => key.startsWith(prefix)).sort()
    for (const key of keys) {
      await this.ready()
      const value = this.disk.entries.get(key)
      if (value !== undefined) yield [key, new Uint8Array(value)]
    }
  }

  close(): Promise<void> {
    this.closed = true
    return Promise.resolve()
  }

  /** Takes a turn of the event loop's micro-tasks, as any disk does at least, and checks what every operation must. */
  private async ready(keys: readonly string[] = []): Promise<void> {
    await Promise.resolve()
    for (const key of keys) {
      if (key.length > MAX_KEY || !/^[\x20-\x7e]+$/.test(key)) throw new AppError('bug', 'meta.key', key)
    }
    if (this.closed) throw new AppError('transient', 'meta.failed', 'the store is closed')
  }
}
