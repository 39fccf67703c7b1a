import { AppError } from '../../core/base/errors.ts'
import type { MetaStore } from '../../core/ports/meta-store.ts'
import type { ShardFiles } from '../../core/vault/shard-files.ts'

/** Bytes of shards that a tab which keeps nothing may hold all the same: it stores no files, so hardly any. */
const MAX_BYTES = 64 * 1024 * 1024

/** A `MetaStore` for a tab that keeps nothing: gone with it. Stores over the same `entries` are one. */
export function forgetfulMetaStore(entries = new Map<string, Uint8Array>()): MetaStore {
  let closed = false
  const check = (): void => {
    if (closed) throw new AppError('transient', 'meta.failed', 'the store is closed')
  }
  return {
    async get(key) {
      check()
      const value = entries.get(key)
      return value === undefined ? undefined : new Uint8Array(value)
    },
    async batch(changes) {
      check()
      for (const change of changes) {
        if ('put' in change) entries.set(change.put, new Uint8Array(change.value))
        else entries.delete(change.del)
      }
    },
    async *range(prefix) {
      check()
      const keys = [...entries.keys()].filter((key) => key.startsWith(prefix)).sort()
      for (const key of keys) {
        const value = entries.get(key)
        if (value !== undefined) yield [key, new Uint8Array(value)] as const
      }
    },
    async close() {
      closed = true
    },
  }
}

/** Shard files for a tab that keeps nothing. A write beyond 64 MiB throws `quota` (`storage.full`). */
export function forgetfulShardFiles(): ShardFiles {
  const files = new Map<string, Uint8Array>()
  const used = (): number => [...files.values()].reduce((sum, { length }) => sum + length, 0)
  return {
    async write(_folder, name, bytes) {
      if (used() - (files.get(name)?.length ?? 0) + bytes.length > MAX_BYTES) {
        throw new AppError('quota', 'storage.full', 'a tab that keeps nothing has no more room')
      }
      files.set(name, new Uint8Array(bytes))
    },
    async read(_folder, name, { offset, length, size }) {
      const bytes = files.get(name)
      return bytes?.length === size ? new Uint8Array(bytes.subarray(offset, offset + length)) : undefined
    },
    length: async (_folder, name) => files.get(name)?.length,
    async remove(_folder, name) {
      files.delete(name)
    },
    folders: async () => [...new Set([...files.keys()].map((name) => name.slice(0, 2)))],
    names: async (folder) => [...files.keys()].filter((name) => name.startsWith(folder)),
    free: async () => MAX_BYTES - used(),
  }
}
