import { AppError } from '../../core/base/errors.ts'
import type { Bytes } from '../../core/base/bytes.ts'
import type { ShardFiles } from '../../core/vault/shard-files.ts'
import { holder } from './hold.ts'

/**
 * Shard files in the folder `root` of the origin private file system, by sync access handles: dedicated workers only.
 * A handle is open only during one operation: an open one would lock the file against the tab that takes over.
 */
export function opfsShardFiles(root: FileSystemDirectoryHandle, storage: StorageManager): ShardFiles {
  const folderOf = folderCache(root)
  const ask = asker(folderOf)

  function openFile(folder: string, name: string, create: boolean): Promise<FileSystemSyncAccessHandle> {
    return ask(folder, name, create, (file) => file.createSyncAccessHandle())
  }

  return {
    async write(folder, name, bytes) {
      const file = await openFile(folder, name, true)
      try {
        writeAll(file, bytes)
      } finally {
        file.close()
      }
    },
    read: (folder, name, range) =>
      unlessMissing(async () => {
        const file = await openFile(folder, name, false)
        try {
          return file.getSize() === range.size ? readRange(file, range.offset, range.length) : undefined
        } finally {
          file.close()
        }
      }),
    length: (folder, name) =>
      unlessMissing(async () => {
        const file = await ask(folder, name, false, (handle) => handle.getFile())
        return file.size
      }),
    async remove(folder, name) {
      await unlessMissing(async () => (await folderOf(folder, false)).removeEntry(name))
    },
    folders: () => namesIn(root, (name, kind) => kind === 'directory' && /^[0-9a-f]{2}$/.test(name)),
    names: async (folder) => namesIn(await folderOf(folder, false), (_, kind) => kind === 'file'),
    async free() {
      const { quota = 0, usage = 0 } = await storage.estimate()
      return quota - usage
    },
  }
}

/** The shard files of folder `name` of the origin private file system, made where it is missing. Throws `transient` `storage.refused` where the browser keeps nothing. */
export async function openOpfsShardFiles(storage: StorageManager, name: string): Promise<ShardFiles> {
  return opfsShardFiles(await rootFolder(storage, name), storage)
}

async function rootFolder(storage: StorageManager, name: string): Promise<FileSystemDirectoryHandle> {
  try {
    const root = await storage.getDirectory()
    return await holder()(root, (folder) => folder.getDirectoryHandle(name, { create: true }))
  } catch (cause) {
    throw new AppError('transient', 'storage.refused', 'this browser window keeps nothing', { cause })
  }
}

type FolderOf = (name: string, create: boolean) => Promise<FileSystemDirectoryHandle>

type Ask = <T>(folder: string, name: string, create: boolean, question: (file: FileSystemFileHandle) => Promise<T>) => Promise<T>

/** Asks something of a file's handle. */
function asker(folderOf: FolderOf): Ask {
  const hold = holder()
  return async (folder, name, create, question) => hold(await (await folderOf(folder, create)).getFileHandle(name, { create }), question)
}

/** Remembers the handles of at most 256 folders: one per first byte of a root. */
function folderCache(root: FileSystemDirectoryHandle): FolderOf {
  const folders = new Map<string, FileSystemDirectoryHandle>()
  return async (name, create) => {
    const known = folders.get(name)
    if (known !== undefined) return known
    const folder = await root.getDirectoryHandle(name, { create })
    // Of two that asked at once both get the same one: the other would be held by nobody while it is asked (hold.ts).
    const first = folders.get(name) ?? folder
    folders.set(name, first)
    return first
  }
}

async function namesIn(
  folder: FileSystemDirectoryHandle,
  wanted: (name: string, kind: FileSystemHandleKind) => boolean,
): Promise<string[]> {
  const found: string[] = []
  for await (const [name, handle] of folder.entries()) {
    if (wanted(name, handle.kind)) found.push(name)
  }
  return found
}

function writeAll(file: FileSystemSyncAccessHandle, bytes: Uint8Array): void {
  file.truncate(0)
  let at = 0
  while (at < bytes.length) {
    const written = file.write(bytes.subarray(at), { at })
    if (written === 0) throw new AppError('transient', 'shard.io', 'the file takes no more bytes')
    at += written
  }
  file.flush()
}

function readRange(file: FileSystemSyncAccessHandle, offset: number, length: number): Bytes | undefined {
  const bytes = new Uint8Array(length)
  let at = 0
  while (at < length) {
    const count = file.read(bytes.subarray(at), { at: offset + at })
    if (count === 0) return undefined
    at += count
  }
  return bytes
}

async function unlessMissing<T>(task: () => Promise<T>): Promise<T | undefined> {
  try {
    return await task()
  } catch (error) {
    if (error instanceof DOMException && error.name === 'NotFoundError') return undefined
    throw error
  }
}
