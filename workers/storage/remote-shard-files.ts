import { wrap } from 'comlink'
import { own } from '../../core/base/bytes.ts'
import type { ShardFiles } from '../../core/vault/shard-files.ts'

/** What a storage worker offers: the shard files of a folder of the origin private file system, by the folder's name. */
export type StorageWorker = { [Method in keyof ShardFiles]: (root: string, ...given: Parameters<ShardFiles[Method]>) => ReturnType<ShardFiles[Method]> }

/** The files of folder `root`, reached through `worker` (storage-worker.ts): a page has no sync access handles. Errors as those of `ShardFiles`. */
export function remoteShardFiles(worker: Worker, root: string): ShardFiles {
  const remote = wrap<StorageWorker>(worker)
  return {
    // A message holds the whole buffer behind a view, and data shards are views of one (core/ports/coder.ts).
    write: (folder, name, bytes) => remote.write(root, folder, name, own(bytes)),
    read: (...given) => remote.read(root, ...given),
    length: (...given) => remote.length(root, ...given),
    remove: (...given) => remote.remove(root, ...given),
    folders: () => remote.folders(root),
    names: (folder) => remote.names(root, folder),
    free: () => remote.free(root),
  }
}
