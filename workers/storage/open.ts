import type { Random } from '../../core/ports/clock.ts'
import type { KeyWrap } from '../../core/ports/key-wrap.ts'
import type { MetaStore } from '../../core/ports/meta-store.ts'
import type { ShardStore } from '../../core/ports/shard-store.ts'
import { aesKeyWrap } from '../../core/seal/key-wrap.ts'
import { openShardStore } from '../../core/vault/shard-store.ts'
import type { ShardFiles } from '../../core/vault/shard-files.ts'
import { openDatabase } from './database.ts'
import { deviceKey } from './device-key.ts'
import { eraseStores, removeFolder } from './erase.ts'
import { fencedFiles, raiseFence } from './fence.ts'
import { idbFileHandles, type FileHandles } from './file-handles.ts'
import { idbMetaStore } from './idb-meta-store.ts'

/** All that Shoal keeps in a browser. */
export interface BrowserStorage {
  readonly list: MetaStore
  /** What belongs to this browser alone (docs/formats/vault-disk.md 2). */
  readonly device: MetaStore
  readonly shards: ShardStore
  readonly handles: FileHandles
  /** Wraps what must not lie open on the disk, by a key of this browser. */
  readonly keyWrap: KeyWrap
  /** Opens what is held for others; called once, and closed with the rest. */
  openVault(): Promise<{ readonly shards: ShardStore; readonly meta: MetaStore }>
  /** Opens the copies of contents of own files; called once, and closed with the rest. */
  openCopies(): Promise<{ readonly shards: ShardStore; readonly meta: MetaStore }>
  /** Whether the browser promised to keep this origin's data when the disk is short. */
  persisted(): Promise<boolean>
  /** Removes all that is a person's own: list, keys, files on their way to hosts, copies; what is held for others stays. Nothing else may be done with it but to close it. */
  erase(): Promise<void>
  close(): Promise<void>
}

const DATABASE = 'shoal'
const FOLDER = 'shards'
const VAULT = 'vault'
const COPIES = 'copies'

/**
 * Opens the storage of this origin; only for its leader: whoever had it open before writes no more (docs/protocols/leader.md F1). Throws `transient`
 * `storage.refused` where the browser gives none (private windows), and the errors of the stores. `files` opens the shard files of a folder.
 */
export async function openBrowserStorage(files: (folder: string) => Promise<ShardFiles>, random: Random): Promise<BrowserStorage> {
  const shardFiles = await files(FOLDER)
  const database = await openDatabase(DATABASE)
  const fence = await raiseFence(database)
  const shards = await openShardStore(fencedFiles(shardFiles, fence), idbMetaStore(database, 'shards', fence))
  const keyWrap = aesKeyWrap(await deviceKey(database), random)
  const opened: ShardStore[] = [shards]
  const open = async (name: 'vault' | 'copies'): Promise<{ readonly shards: ShardStore; readonly meta: MetaStore }> => {
    const meta = idbMetaStore(database, name, fence)
    const store = await openShardStore(fencedFiles(await files(name), fence), meta)
    opened.push(store)
    return { shards: store, meta }
  }
  return {
    list: idbMetaStore(database, 'list', fence),
    device: idbMetaStore(database, 'device', fence),
    shards,
    handles: idbFileHandles(database),
    keyWrap,
    openVault: () => open(VAULT),
    openCopies: () => open(COPIES),
    persisted: () => navigator.storage.persisted(),
    async erase() {
      for (const store of opened) await store.close()
      await eraseStores(database, fence)
      for (const folder of [FOLDER, COPIES]) await removeFolder(folder)
    },
    async close() {
      for (const store of opened) await store.close()
      database.close()
    },
  }
}
