import { beginWrite, storageError, type ShoalDatabase } from './database.ts'
import { deposed, epochKey, EPOCHS, type Fence } from './fence.ts'

/** The stores that are a person's own. `device` and `vault` are this browser's, and hold nothing of an account. */
const OWN = ['list', 'shards', 'copies', 'handles', 'keys'] as const

/** Empties all stores of a person's own at once, durably: the keys go with what they wrap. Rows of the fence stay. Throws `transient` (`leader.deposed`, `meta.failed`). */
export async function eraseStores(database: ShoalDatabase, fence: Fence): Promise<void> {
  try {
    const transaction = beginWrite(database, 'strict')
    // A later leader may have read what would be erased under its feet.
    if ((await transaction.objectStore('shards').getKey(epochKey(fence.epoch + 1))) !== undefined) {
      transaction.abort()
      await transaction.done.catch(() => undefined)
      throw deposed()
    }
    for (const name of OWN) {
      const store = transaction.objectStore(name)
      void store.delete(IDBKeyRange.upperBound(EPOCHS.from, true))
      void store.delete(IDBKeyRange.lowerBound(EPOCHS.to, true))
    }
    await transaction.done
  } catch (error) {
    throw storageError(error)
  }
}

/** Removes a folder of the origin private file system with all that is in it, if it is there. */
export async function removeFolder(name: string): Promise<void> {
  const root = await navigator.storage.getDirectory()
  try {
    await root.removeEntry(name, { recursive: true })
  } catch (error) {
    if (!(error instanceof DOMException) || error.name !== 'NotFoundError') throw storageError(error)
  }
}
