// Entry of the storage worker, which only a page that runs the peer itself starts: files by sync access handles.
import { expose } from 'comlink'
import { asAppError } from '../core/base/errors.ts'
import type { ShardFiles } from '../core/vault/shard-files.ts'
import { installTransferHandlers } from './errors.ts'
import { openOpfsShardFiles } from './storage/opfs-shard-files.ts'
import type { StorageWorker } from './storage/remote-shard-files.ts'

const opened = new Map<string, Promise<ShardFiles>>()

function filesOf(root: string): Promise<ShardFiles> {
  const known = opened.get(root)
  if (known !== undefined) return known
  const opening = openOpfsShardFiles(navigator.storage, root)
  opened.set(root, opening)
  // A failed opening is not kept: the next call tries again.
  opening.catch(() => opened.delete(root))
  return opening
}

/** Runs `task`; what the platform throws crosses as the fault of a disk that it is: nothing else would know it on the other side. */
async function on<T>(root: string, task: (files: ShardFiles) => Promise<T>): Promise<T> {
  try {
    return await task(await filesOf(root))
  } catch (error) {
    throw asAppError(error, 'transient', 'shard.io')
  }
}

const files: StorageWorker = {
  write: (root, ...given) => on(root, (opened) => opened.write(...given)),
  read: (root, ...given) => on(root, (opened) => opened.read(...given)),
  length: (root, ...given) => on(root, (opened) => opened.length(...given)),
  remove: (root, ...given) => on(root, (opened) => opened.remove(...given)),
  folders: (root) => on(root, (opened) => opened.folders()),
  names: (root, folder) => on(root, (opened) => opened.names(folder)),
  free: (root) => on(root, (opened) => opened.free()),
}

installTransferHandlers()
expose(files)
