import type { IDBPObjectStore, StoreNames } from 'idb'
import { beginWrite, storageError, type ShoalDatabase, type ShoalSchema } from './database.ts'
import { holder } from './hold.ts'

/** Where the files come from that are being stored, as far as the browser lets a page keep that. */
export interface FileHandles {
  put(fileId: string, handle: FileSystemFileHandle): Promise<void>
  /** The file as it is now; `undefined` when there is no handle, no permission any more, or no file. */
  file(fileId: string): Promise<File | undefined>
  delete(fileId: string): Promise<void>
  /** Ids of all files with a handle. */
  ids(): Promise<readonly string[]>
}

/** Not in every browser, and not yet in TypeScript's library. */
interface WithPermission {
  queryPermission(options: { mode: 'read' }): Promise<PermissionState>
}

type HandleStore = IDBPObjectStore<ShoalSchema, StoreNames<ShoalSchema>[], 'handles', 'readwrite'>

/** The `FileHandles` in `database`. Throws `quota` or `transient` (`meta.failed`). */
export function idbFileHandles(database: ShoalDatabase): FileHandles {
  const hold = holder()
  const write = async (change: (handles: HandleStore) => Promise<unknown>): Promise<void> => {
    try {
      const transaction = beginWrite(database, 'relaxed')
      await Promise.all([change(transaction.objectStore('handles')), transaction.done])
    } catch (error) {
      rethrow(error)
    }
  }
  return {
    put: (fileId, handle) => write((handles) => handles.put(handle, fileId)),
    async file(fileId) {
      const handle = await database.get('handles', fileId).catch(rethrow)
      if (handle === undefined || !(await hold(handle, permitted))) return undefined
      try {
        return await hold(handle, (one) => one.getFile())
      } catch {
        // Moved, deleted, or permission withdrawn: in each case the person must hand it over again.
        return undefined
      }
    },
    delete: (fileId) => write((handles) => handles.delete(fileId)),
    ids: () => database.getAllKeys('handles').catch(rethrow),
  }
}

/** Asking for a permission needs a click in a page; here it is there or it is not. */
async function permitted(handle: FileSystemFileHandle): Promise<boolean> {
  if (!('queryPermission' in handle)) return true
  return (await (handle as WithPermission).queryPermission({ mode: 'read' })) === 'granted'
}

function rethrow(error: unknown): never {
  throw storageError(error)
}
