import { mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { ShardFiles } from '../../core/vault/shard-files.ts'

/** Ends the name of a file that is still being written. */
const TEMPORARY = '.tmp'

/**
 * Shard files below `root` (made when missing): written under another name, flushed, renamed, and the folder flushed, so that after a loss of
 * power a name stands for whole bytes or for none. Throws what `node:fs` throws.
 */
export async function openNodeShardFiles(root: string): Promise<ShardFiles> {
  await mkdir(root, { recursive: true })

  async function write(folder: string, name: string, bytes: Uint8Array): Promise<void> {
    const path = join(root, folder)
    if ((await mkdir(path, { recursive: true })) !== undefined) await flushFolder(root)
    const temporary = join(path, name + TEMPORARY)
    try {
      const file = await open(temporary, 'w')
      try {
        await file.writeFile(bytes)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(temporary, join(path, name))
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
    await flushFolder(path)
  }

  return {
    write,
    read: (folder, name, range) => unlessMissing(() => readRange(join(root, folder, name), range)),
    length: (folder, name) => unlessMissing(async () => (await stat(join(root, folder, name))).size),
    remove: (folder, name) => rm(join(root, folder, name), { force: true }),
    async folders() {
      const found = await readdir(root, { withFileTypes: true })
      return found.filter((entry) => entry.isDirectory() && /^[0-9a-f]{2}$/.test(entry.name)).map((entry) => entry.name)
    },
    names: (folder) => readdir(join(root, folder)),
    async free() {
      const { bavail, bsize } = await statfs(root)
      return bavail * bsize
    },
  }
}

async function readRange(
  path: string,
  range: { offset: number; length: number; size: number },
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const file = await open(path, 'r')
  try {
    if ((await file.stat()).size !== range.size) return undefined
    const bytes = new Uint8Array(range.length)
    let at = 0
    while (at < range.length) {
      const { bytesRead } = await file.read(bytes, at, range.length - at, range.offset + at)
      if (bytesRead === 0) return undefined
      at += bytesRead
    }
    return bytes
  } finally {
    await file.close()
  }
}

/** A rename is on the disk only once its folder is (fsync(2)). */
async function flushFolder(path: string): Promise<void> {
  // Windows cannot open a folder; NTFS journals renames itself.
  if (process.platform === 'win32') return
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

async function unlessMissing<T>(task: () => Promise<T>): Promise<T | undefined> {
  try {
    return await task()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
