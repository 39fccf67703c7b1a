import { AppError } from '../../core/base/errors.ts'
import type { MetaChange, MetaStore } from '../../core/ports/meta-store.ts'
import { storageError, type BytesStore, type ShoalDatabase } from './database.ts'
import { deposed, epochKey, isEpochKey, type Fence } from './fence.ts'

/** Entries read at once: few enough to hold, many enough to spare a transaction each. */
const PAGE = 64

/** Sorts after every printable ASCII character, of which keys are made. */
const AFTER_ASCII = '\x7f'

const NOTHING = new Uint8Array()

/**
 * The `MetaStore` in one object store of `database`. Closing it closes the database, and so the others. Once a later leader has begun than the one of
 * `fence`, batches reject `transient` `leader.deposed` and change nothing.
 */
export function idbMetaStore(database: ShoalDatabase, store: BytesStore, fence?: Fence): MetaStore {
  return {
    get: (key) => guarded(() => read(database, store, key)),
    batch: (changes, options = {}) => guarded(() => write(database, store, changes, { strict: options.strict === true, fence })),
    range: (prefix) => walk(database, store, prefix),
    async close() {
      database.close()
    },
  }
}

// Reads are committed without waiting for an answer, writes never [F3].

async function read(database: ShoalDatabase, name: BytesStore, key: string): Promise<Uint8Array | undefined> {
  const transaction = database.transaction(name)
  const value = transaction.store.get(key)
  transaction.commit()
  const [found] = await Promise.all([value, transaction.done])
  return found
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
