import { AppError } from '../../core/base/errors.ts'
import type { MetaStore } from '../../core/ports/meta-store.ts'
import { storageError, type BytesStore, type ShoalDatabase } from './database.ts'
import { isEpochKey, type Fence } from './fence.ts'
import { queueWrite } from './write-queue.ts'

/** Entries read at once: few enough to hold, many enough to spare a transaction each. */
const PAGE = 64

/** Sorts after every printable ASCII character, of which keys are made. */
const AFTER_ASCII = '\x7f'

/**
 * The `MetaStore` in one object store of `database`. Closing it closes the database, and so the others. Once a later leader has begun than the one of
 * `fence`, batches reject `transient` `leader.deposed` and change nothing.
 */
export function idbMetaStore(database: ShoalDatabase, store: BytesStore, fence?: Fence): MetaStore {
  const reads = new Reads(database, store)
  return {
    get: (key) => guarded(() => reads.get(key)),
    batch: (changes, options = {}) => guarded(() => queueWrite(database, { store, changes, strict: options.strict === true, fence })),
    range: (prefix) => walk(database, store, prefix),
    async close() {
      database.close()
    },
  }
}

// Reads are committed without waiting for an answer [F3].

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
