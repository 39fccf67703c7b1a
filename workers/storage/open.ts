import { AppError } from '../../core/base/errors.ts'
import type { MetaStore } from '../../core/ports/meta-store.ts'
import type { ShardStore } from '../../core/ports/shard-store.ts'
import { openShardStore } from '../../core/vault/shard-store.ts'
import { openDatabase } from './database.ts'
import { idbFileHandles, type FileHandles } from './file-handles.ts'
import { holder } from './hold.ts'
import { idbMetaStore } from './idb-meta-store.ts'
import { opfsShardFiles } from './opfs-shard-files.ts'

/** All that Shoal keeps in a browser. */
export interface BrowserStorage {
  readonly list: MetaStore
  /** What belongs to this browser alone (docs/formats/vault-disk.md 2). */
  readonly device: MetaStore
  readonly shards: ShardStore
  readonly handles: FileHandles
  close(): Promise<void>
}

const DATABASE = 'shoal'
const FOLDER = 'shards'

/**
 * Opens the storage of this origin; only for the holder of its lock, in a dedicated worker. Throws `transient` `storage.refused` where the browser
 * gives none (private windows), and the errors of the stores.
 */
export async function openBrowserStorage(storage: StorageManager): Promise<BrowserStorage> {
  const folder = await shardFolder(storage)
  const database = await openDatabase(DATABASE)
  const shards = await openShardStore(opfsShardFiles(folder, storage), idbMetaStore(database, 'shards'))
  return {
    list: idbMetaStore(database, 'list'),
    device: idbMetaStore(database, 'device'),
    shards,
    handles: idbFileHandles(database),
    async close() {
      await shards.close()
      database.close()
    },
  }
}

async function shardFolder(storage: StorageManager): Promise<FileSystemDirectoryHandle> {
  try {
    const root = await storage.getDirectory()
    return await holder()(root, (folder) => folder.getDirectoryHandle(FOLDER, { create: true }))
  } catch (cause) {
    throw new AppError('transient', 'storage.refused', 'this browser window keeps nothing', { cause })
  }
}
