import { AppError } from '../../core/base/errors.ts'
import type { MetaChange, MetaStore } from '../../core/ports/meta-store.ts'
import { storageError, type BytesStore, type ShoalDatabase } from './database.ts'

/** Entries read at once: few enough to hold, many enough to spare a transaction each. */
const PAGE = 64

/** Sorts after every printable ASCII character, of which keys are made. */
const AFTER_ASCII = '\x7f'

/** The `MetaStore` in one object store of `database`. Closing it closes the database, and so the others. */
export function idbMetaStore(database: ShoalDatabase, store: BytesStore): MetaStore {
  return {
    get: (key) => guarded(() => database.get(store, key)),
    batch: (changes, options = {}) => guarded(() => write(database, store, changes, options.strict === true)),
    range: (prefix) => walk(database, store, prefix),
    async close() {
      database.close()
    },
  }
}

async function write(database: ShoalDatabase, name: BytesStore, changes: readonly MetaChange[], strict: boolean): Promise<void> {
  // Since Chrome 121 `relaxed` is the default: it survives the process, not a loss of power.
  const transaction = database.transaction(name, 'readwrite', { durability: strict ? 'strict' : 'relaxed' })
  const requests = changes.map((change) =>
    'put' in change
      ? // Copied: a view would be stored with the whole buffer under it.
        transaction.store.put(new Uint8Array(change.value), change.put)
      : transaction.store.delete(change.del),
  )
  // A failed request aborts the transaction, whose error names the cause; the requests only repeat it.
  await Promise.allSettled(requests)
  await transaction.done
}

/** Page by page: a cursor would die with its transaction whenever the reader waits for something else. */
async function* walk(database: ShoalDatabase, name: BytesStore, prefix: string): AsyncIterable<readonly [string, Uint8Array]> {
  const end = prefix + AFTER_ASCII
  let range = IDBKeyRange.bound(prefix, end, false, true)
  for (;;) {
    const [keys, values] = await guarded(() => {
      const store = database.transaction(name).store
      return Promise.all([store.getAllKeys(range, PAGE), store.getAll(range, PAGE)])
    })
    for (const [i, key] of keys.entries()) {
      const value = values[i]
      if (value === undefined) throw new AppError('bug', 'meta.page', 'a page of keys and its values differ')
      yield [key, value]
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
