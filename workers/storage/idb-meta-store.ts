import { AppError } from '../../core/base/errors.ts'
import type { MetaChange, MetaStore } from '../../core/ports/meta-store.ts'
import { storageError, type BytesStore, type ShoalDatabase } from './database.ts'
import { deposed, epochKey, isEpochKey, type Fence } from './fence.ts'

/** Entries read at once: few enough to hold, many enough to spare a transaction each. */
const PAGE = 64

/** Changes in one transaction of several batches, at most: all are in memory. */
const MERGED = 512

/** Sorts after every printable ASCII character, of which keys are made. */
const AFTER_ASCII = '\x7f'

const NOTHING = new Uint8Array()

/**
 * The `MetaStore` in one object store of `database`. Closing it closes the database, and so the others. Once a later leader has begun than the one of
 * `fence`, batches reject `transient` `leader.deposed` and change nothing.
 */
export function idbMetaStore(database: ShoalDatabase, store: BytesStore, fence?: Fence): MetaStore {
  const reads = new Reads(database, store)
  const writes = new Writes((changes, strict) => write(database, store, changes, { strict, fence }))
  return {
    get: (key) => guarded(() => reads.get(key)),
    batch: (changes, options = {}) => guarded(() => writes.add(changes, options.strict === true)),
    range: (prefix) => walk(database, store, prefix),
    async close() {
      database.close()
    },
  }
}

// Reads are committed without waiting for an answer, writes never [F3].

type Value = Uint8Array | undefined

/** Reads values; all that are asked for in one turn of the event loop share a transaction, which costs more than a read. */
class Reads {
  private readonly keys = new Set<string>()
  private answers: Promise<ReadonlyMap<string, Value>> | undefined
  private readonly database: ShoalDatabase
  private readonly name: BytesStore

  constructor(database: ShoalDatabase, name: BytesStore) {
    this.database = database
    this.name = name
  }

  async get(key: string): Promise<Value> {
    this.keys.add(key)
    this.answers ??= Promise.resolve().then(() => this.read())
    return (await this.answers).get(key)
  }

  private async read(): Promise<ReadonlyMap<string, Value>> {
    const keys = [...this.keys]
    this.keys.clear()
    this.answers = undefined
    const transaction = this.database.transaction(this.name)
    const requests = keys.map(async (key) => [key, await transaction.store.get(key)] as const)
    transaction.commit()
    const [values] = await Promise.all([Promise.all(requests), transaction.done])
    return new Map(values)
  }
}

interface Batch {
  readonly changes: readonly MetaChange[]
  readonly strict: boolean
  readonly written: PromiseWithResolvers<undefined>
}

/**
 * Writes batches in order. Those that come while others are being written go into the next transaction together: a flush takes long, however little it
 * flushes. They then stand or fall together.
 */
class Writes {
  private waiting: Batch[] = []
  private busy = false
  private readonly write: (changes: readonly MetaChange[], strict: boolean) => Promise<void>

  constructor(write: (changes: readonly MetaChange[], strict: boolean) => Promise<void>) {
    this.write = write
  }

  add(changes: readonly MetaChange[], strict: boolean): Promise<void> {
    const written = Promise.withResolvers<undefined>()
    this.waiting.push({ changes, strict, written })
    if (!this.busy) void this.drain()
    return written.promise
  }

  private async drain(): Promise<void> {
    this.busy = true
    for (let next = this.next(); next.length > 0; next = this.next()) {
      try {
        await this.write(next.flatMap(({ changes }) => changes), next.some(({ strict }) => strict))
        for (const { written } of next) written.resolve(undefined)
      } catch (error) {
        for (const { written } of next) written.reject(error)
      }
    }
    this.busy = false
  }

  private next(): Batch[] {
    let changes = 0
    const end = this.waiting.findIndex((batch, i) => (changes += batch.changes.length) > MERGED && i > 0)
    return this.waiting.splice(0, end < 0 ? this.waiting.length : end)
  }
}

interface WriteOptions {
  readonly strict: boolean
  readonly fence: Fence | undefined
}

async function write(database: ShoalDatabase, name: BytesStore, changes: readonly MetaChange[], options: WriteOptions): Promise<void> {
  const { strict, fence } = options
  // Since Chrome 121 `relaxed` is the default: it survives the process, not a loss of power.
  const transaction = database.transaction(name, 'readwrite', { durability: strict ? 'strict' : 'relaxed' })
  const next = fence === undefined ? undefined : epochKey(fence.epoch + 1)
  // Fails, and the whole transaction with it, when a later leader has put this row [F2].
  const first = next === undefined ? undefined : transaction.store.add(NOTHING, next)
  const requests = changes.map((change) =>
    'put' in change
      ? // Copied: a view would be stored with the whole buffer under it.
        transaction.store.put(new Uint8Array(change.value), change.put)
      : transaction.store.delete(change.del),
  )
  if (next !== undefined) requests.push(transaction.store.delete(next))
  // A failed request aborts the transaction, whose error names the cause; the requests only repeat it.
  await Promise.allSettled(requests)
  const fenced = await first?.then(() => false, isTaken)
  if (fenced === true) {
    await transaction.done.catch(() => undefined)
    throw deposed()
  }
  await transaction.done
}

function isTaken(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'ConstraintError'
}

/** Page by page: a cursor would die with its transaction whenever the reader waits for something else. */
async function* walk(database: ShoalDatabase, name: BytesStore, prefix: string): AsyncIterable<readonly [string, Uint8Array]> {
  const end = prefix + AFTER_ASCII
  let range = IDBKeyRange.bound(prefix, end, false, true)
  for (;;) {
    const [keys, values] = await guarded(() => {
      const transaction = database.transaction(name)
      const page = [transaction.store.getAllKeys(range, PAGE), transaction.store.getAll(range, PAGE)] as const
      transaction.commit()
      return Promise.all([...page, transaction.done])
    })
    for (const [i, key] of keys.entries()) {
      const value = values[i]
      if (value === undefined) throw new AppError('bug', 'meta.page', 'a page of keys and its values differ')
      if (!isEpochKey(key)) yield [key, value]
    }
    const last = keys.at(-1)
    if (last === undefined || keys.length < PAGE) return
    range = IDBKeyRange.bound(last, end, true, true)
  }
}

async function guarded<T>(task: () => Promise<T>): Promise<T> {
  try {
    return await task()
  } catch (error) {
    throw storageError(error)
  }
}
