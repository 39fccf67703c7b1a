import type { Bytes } from '../base/bytes.ts'
import { AppError, asAppError } from '../base/errors.ts'
import { checkShardRoot } from '../base/shard-root.ts'
import { decode, encode, uint, versioned } from '../formats/codec.ts'
import type { MetaStore } from '../ports/meta-store.ts'
import type { ShardEntry, ShardRoot, ShardStore } from '../ports/shard-store.ts'
import type { ShardFiles } from './shard-files.ts'
import { Turns } from './turns.ts'

/** Index rows, docs/formats/vault-disk.md 2. */
const PREFIX = 'shard/'
const row = versioned(1, uint(Number.MAX_SAFE_INTEGER))

/** Rows kept in memory, those used last: what was just put is usually read and deleted soon. About half a megabyte. */
const ROWS = 4096

/**
 * Opens the shards in `files` by their index. The order of writing (file, flush, then index row; on deletion first the row) makes the index
 * the truth: a file without a row is what a dying process left, and is removed here.
 * Throws `transient` (`shard.io`) when the disk cannot be read, `invalid` (`format.*`) when the index was written by a later version.
 */
export async function openShardStore(files: ShardFiles, index: MetaStore): Promise<ShardStore> {
  let used = 0
  try {
    for await (const [, value] of index.range(PREFIX)) used += decode(row, value)
    await sweep(files, index)
  } catch (error) {
    throw asAppError(error, 'transient', 'shard.io')
  }
  return new IndexedShardStore(files, index, used)
}

/** One folder at a time, so that memory holds the names of one 256th of the shards. */
async function sweep(files: ShardFiles, index: MetaStore): Promise<void> {
  for (const folder of await files.folders()) {
    const known = new Set<string>()
    for await (const [key] of index.range(PREFIX + folder)) known.add(key.slice(PREFIX.length))
    for (const name of await files.names(folder)) {
      // One that cannot be removed now (a handle of the dead process may linger) is never served, and goes another time.
      if (!known.has(name)) await files.remove(folder, name).catch(() => undefined)
    }
  }
}

class IndexedShardStore implements ShardStore {
  private readonly files: ShardFiles
  private readonly index: MetaStore
  private readonly turns = new Turns()
  private readonly rows = new Map<ShardRoot, number>()
  private used: number
  private closed = false

  constructor(files: ShardFiles, index: MetaStore, used: number) {
    this.files = files
    this.index = index
    this.used = used
  }

  put(root: ShardRoot, bytes: Uint8Array): Promise<void> {
    return this.turn(root, async (folder) => {
      const known = await this.indexed(root)
      if (known !== undefined && (await this.files.length(folder, root)) === known) return
      try {
        await this.files.write(folder, root, bytes)
        await this.index.batch([{ put: PREFIX + root, value: encode(row, bytes.length) }], { strict: true })
        this.remember(root, bytes.length)
      } catch (error) {
        // Space is given back now rather than at the next start; if this fails too, the sweep does it then.
        if (known === undefined) await this.files.remove(folder, root).catch(() => undefined)
        throw error
      }
      this.used += bytes.length - (known ?? 0)
    })
  }

  get(root: ShardRoot, range?: { offset: number; length: number }): Promise<Bytes> {
    return this.turn(root, async (folder) => {
      const size = await this.indexed(root)
      if (size === undefined) throw new AppError('absent', 'shard.absent', 'no such shard')
      const { offset, length } = range ?? { offset: 0, length: size }
      const whole = Number.isInteger(offset) && Number.isInteger(length)
      if (!whole || offset < 0 || length < 0 || offset + length > size) {
        throw new AppError('invalid', 'shard.range', 'the range lies outside the shard')
      }
      const bytes = await this.files.read(folder, root, { offset, length, size })
      if (bytes === undefined) throw new AppError('corrupt', 'shard.damaged', 'the file is missing or has another length')
      return bytes
    })
  }

  size(root: ShardRoot): Promise<number | undefined> {
    return this.turn(root, () => this.indexed(root))
  }

  delete(root: ShardRoot): Promise<void> {
    return this.turn(root, async (folder) => {
      const size = await this.indexed(root)
      if (size === undefined) return
      this.rows.delete(root)
      await this.index.batch([{ del: PREFIX + root }], { strict: true })
      this.used -= size
      // The shard is gone once its row is; a file that could not be removed goes at the next start.
      await this.files.remove(folder, root).catch(() => undefined)
    })
  }

  async *list(): AsyncIterable<ShardEntry> {
    try {
      this.checkOpen()
      for await (const [key, value] of this.index.range(PREFIX)) yield { root: key.slice(PREFIX.length), size: decode(row, value) }
    } catch (error) {
      throw asAppError(error, 'transient', 'shard.io')
    }
  }

  async room(): Promise<{ used: number; free: number }> {
    try {
      this.checkOpen()
      return { used: this.used, free: Math.max(0, await this.files.free()) }
    } catch (error) {
      throw asAppError(error, 'transient', 'shard.io')
    }
  }

  async close(): Promise<void> {
    this.closed = true
    await this.turns.idle()
  }

  /** Runs `task` once all earlier operations on `root` ended, with every failure as an `AppError`. */
  private async turn<T>(root: ShardRoot, task: (folder: string) => Promise<T>): Promise<T> {
    checkShardRoot(root)
    this.checkOpen()
    try {
      return await this.turns.run(root, () => task(root.slice(0, 2)))
    } catch (error) {
      throw asAppError(error, 'transient', 'shard.io')
    }
  }

  private checkOpen(): void {
    if (this.closed) throw new AppError('transient', 'shard.io', 'the store is closed')
  }

  private async indexed(root: ShardRoot): Promise<number | undefined> {
    const known = this.rows.get(root)
    if (known !== undefined) return known
    const value = await this.index.get(PREFIX + root)
    return value === undefined ? undefined : decode(row, value)
  }

  private remember(root: ShardRoot, size: number): void {
    this.rows.delete(root)
    this.rows.set(root, size)
    const [oldest] = this.rows.keys()
    if (this.rows.size > ROWS && oldest !== undefined) this.rows.delete(oldest)
  }
}
