import { beginWrite, storageError, type ShoalDatabase } from './database.ts'
import { EPOCHS } from './fence.ts'

/** The stores that are a person's own. `device` and `vault` are this browser's, and hold nothing of an account. */
const OWN = ['list', 'shards', 'handles', 'keys'] as const

/** Empties all stores of a person's own at once, durably: the keys go with what they wrap. Rows of the fence stay. Throws `transient` (`meta.failed`). */
export async function eraseStores(database: ShoalDatabase): Promise<void> {
  try {
    const transaction = beginWrite(database, 'strict')
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
