import { decode, encode, type Codec } from '../formats/codec.ts'
import type { MetaChange, MetaStore } from '../ports/meta-store.ts'

/** Changes merged into one batch, at most: a batch is held in memory whole. */
const MERGED = 512

interface Entry {
  readonly changes: readonly MetaChange[]
  readonly strict: boolean
  readonly done: () => void
  readonly failed: (error: unknown) => void
}

/**
 * Writes to a `MetaStore` one batch after another, in the order in which they were asked for, so that an older value never overwrites a
 * newer one. What is asked for while a batch is being written goes into the next one together.
 */
export class Journal {
  private queue: Entry[] = []
  private writing: Promise<void> | undefined
  private readonly meta: MetaStore

  constructor(meta: MetaStore) {
    this.meta = meta
  }

  /** Resolves when `changes` are durable, all of them or none. Errors as `MetaStore.batch`. */
  write(changes: readonly MetaChange[], options: { strict?: boolean } = {}): Promise<void> {
    return new Promise((done, failed) => {
      this.queue.push({ changes, strict: options.strict === true, done, failed })
      this.writing ??= this.drain()
    })
  }

  /** The value at `key`, or `undefined` when there is provably none. Errors as `MetaStore.get`; `invalid` `format.*`. */
  async read<T>(key: string, codec: Codec<T>): Promise<T | undefined> {
    const value = await this.meta.get(key)
    return value === undefined ? undefined : decode(codec, value)
  }

  /** All entries under `prefix`. */
  async *entries<T>(prefix: string, codec: Codec<T>): AsyncIterable<readonly [key: string, value: T]> {
    for await (const [key, value] of this.meta.range(prefix)) yield [key, decode(codec, value)]
  }

  /** Keys under `prefix`. */
  async *keys(prefix: string): AsyncIterable<string> {
    for await (const [key] of this.meta.range(prefix)) yield key
  }

  /** Resolves when nothing is being written any more. */
  async idle(): Promise<void> {
    while (this.writing !== undefined) await this.writing
  }

  private async drain(): Promise<void> {
    while (this.queue.length > 0) {
      const batch = this.next()
      try {
        await this.meta.batch(
          batch.flatMap(({ changes }) => changes),
          { strict: batch.some(({ strict }) => strict) },
        )
        for (const { done } of batch) done()
      } catch (error) {
        for (const { failed } of batch) failed(error)
      }
    }
    this.writing = undefined
  }

  private next(): Entry[] {
    let changes = 0
    let count = 0
    for (const entry of this.queue) {
      changes += entry.changes.length
      if (count > 0 && changes > MERGED) break
      count++
    }
    return this.queue.splice(0, count)
  }
}

/** The change that puts `value` at `key`. */
export function put<T>(key: string, codec: Codec<T>, value: T): MetaChange {
  return { put: key, value: encode(codec, value) }
}
