// A dedicated worker that lends its storage to the tests in the page: only here do sync access handles exist.
import { expose } from 'comlink'
import type { MetaChange, MetaStore } from '../../core/ports/meta-store.ts'
import type { ShardEntry, ShardStore } from '../../core/ports/shard-store.ts'
import { openShardStore } from '../../core/vault/shard-store.ts'
import { installTransferHandlers } from '../errors.ts'
import { openDatabase } from '../storage/database.ts'
import { fencedFiles, raiseFence } from '../storage/fence.ts'
import { idbMetaStore } from '../storage/idb-meta-store.ts'
import { opfsShardFiles } from '../storage/opfs-shard-files.ts'

/** What the tests call; async iterables come as arrays. */
export interface StorageBench {
  /** With `quota`, IndexedDB is that of a storage bucket with so many bytes (Storage Buckets API). `fenced`, as a leader opens it. */
  open(name: string, quota?: number, fenced?: boolean): Promise<void>
  /** Writes to the index until the browser refuses more. */
  fillMeta(): Promise<void>
  put(root: string, bytes: Uint8Array): Promise<void>
  get(root: string, range?: { offset: number; length: number }): Promise<Uint8Array<ArrayBuffer>>
  size(root: string): Promise<number | undefined>
  delete(root: string): Promise<void>
  list(): Promise<ShardEntry[]>
  room(): Promise<{ used: number; free: number }>
  close(): Promise<void>
  /** Reads `roots` side by side, `rounds` times, while the garbage collector is kept busy. Resolves to the number of answers. */
  getAmongGarbage(roots: readonly string[], rounds: number): Promise<number>
  metaGet(key: string): Promise<Uint8Array | undefined>
  metaBatch(changes: readonly MetaChange[], options?: { strict?: boolean }): Promise<void>
  metaRange(prefix: string): Promise<(readonly [string, Uint8Array])[]>
  metaClose(): Promise<void>
  damage(root: string, how: 'shorten' | 'lengthen' | 'remove'): Promise<void>
  /** Half of the file, through a handle that stays open: what a worker leaves that is killed inside `put`. */
  tear(root: string, bytes: Uint8Array): Promise<void>
}

/** Not yet in TypeScript's library. */
interface WithBuckets {
  readonly storageBuckets: { open(name: string, options: { quota: number }): Promise<{ readonly indexedDB: IDBFactory }> }
}

class Bench implements StorageBench {
  private folder: FileSystemDirectoryHandle | undefined
  private shards: ShardStore | undefined
  private meta: MetaStore | undefined
  private torn: FileSystemSyncAccessHandle | undefined

  async open(name: string, quota?: number, fenced = false): Promise<void> {
    if (quota !== undefined) {
      const { storageBuckets } = navigator as unknown as WithBuckets
      const bucket = await storageBuckets.open(name, { quota })
      Object.defineProperty(globalThis, 'indexedDB', { value: bucket.indexedDB })
    }
    this.folder = await (await navigator.storage.getDirectory()).getDirectoryHandle(name, { create: true })
    const database = await openDatabase(name)
    const fence = fenced ? await raiseFence(database) : undefined
    this.meta = idbMetaStore(database, 'list', fence)
    const files = opfsShardFiles(this.folder, navigator.storage)
    this.shards = await openShardStore(fence === undefined ? files : fencedFiles(files, fence), idbMetaStore(database, 'shards', fence))
  }

  put = (root: string, bytes: Uint8Array): Promise<void> => this.shards!.put(root, bytes)
  get = (root: string, range?: { offset: number; length: number }): Promise<Uint8Array<ArrayBuffer>> => this.shards!.get(root, range)
  size = (root: string): Promise<number | undefined> => this.shards!.size(root)
  delete = (root: string): Promise<void> => this.shards!.delete(root)
  list = (): Promise<ShardEntry[]> => collect(this.shards!.list())
  room = (): Promise<{ used: number; free: number }> => this.shards!.room()
  close = (): Promise<void> => this.shards!.close()
  metaGet = (key: string): Promise<Uint8Array | undefined> => this.meta!.get(key)
  metaBatch = (changes: readonly MetaChange[], options?: { strict?: boolean }): Promise<void> => this.meta!.batch(changes, options)
  metaRange = (prefix: string): Promise<(readonly [string, Uint8Array])[]> => collect(this.meta!.range(prefix))
  metaClose = (): Promise<void> => this.meta!.close()

  async getAmongGarbage(roots: readonly string[], rounds: number): Promise<number> {
    let answers = 0
    let over = false
    const litter = async (): Promise<void> => {
      while (!over) {
        // Buffers weigh on the collector as their bytes do, and cost it no time.
        for (let i = 0; i < 8; i++) new ArrayBuffer(16 * 2 ** 20)
        await new Promise((resolve) => setTimeout(resolve))
      }
    }
    const littering = litter()
    for (let round = 0; round < rounds; round++) answers += (await Promise.all(roots.map((root) => this.get(root)))).length
    over = true
    await littering
    return answers
  }

  async fillMeta(): Promise<void> {
    for (const size of [2 ** 20, 2 ** 14]) {
      let written = 0
      while (await this.fits(`fill/${size}/${written}`, size)) written++
    }
  }

  private async fits(key: string, size: number): Promise<boolean> {
    try {
      // Random, so that no compression below makes room where none is.
      const value = new Uint8Array(size)
      for (let at = 0; at < size; at += 2 ** 14) crypto.getRandomValues(value.subarray(at, at + 2 ** 14))
      await this.meta!.batch([{ put: key, value }])
      return true
    } catch {
      return false
    }
  }

  async damage(root: string, how: 'shorten' | 'lengthen' | 'remove'): Promise<void> {
    const folder = await this.folder!.getDirectoryHandle(root.slice(0, 2))
    if (how === 'remove') return folder.removeEntry(root)
    const file = await (await folder.getFileHandle(root)).createSyncAccessHandle()
    file.truncate(how === 'shorten' ? 10 : 1_000_000)
    file.close()
  }

  async tear(root: string, bytes: Uint8Array): Promise<void> {
    const folder = await this.folder!.getDirectoryHandle(root.slice(0, 2), { create: true })
    this.torn = await (await folder.getFileHandle(root, { create: true })).createSyncAccessHandle()
    this.torn.write(new Uint8Array(bytes).subarray(0, bytes.length / 2))
  }
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

installTransferHandlers()
expose(new Bench())
