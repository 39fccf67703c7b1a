import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Bytes } from '../core/base/bytes.ts'
import { AppError } from '../core/base/errors.ts'

const SEED_LENGTH = 32

/**
 * Makes `folder` and what is missing above it, for its owner only. Rejects with the error of the file system.
 * Node's own recursive `mkdir` never comes back where a file system answers ENOENT for a name that cannot be made, as /proc does.
 */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 })
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return
    if (codeOf(error) !== 'ENOENT' || dirname(folder) === folder) throw error
    await makeFolder(dirname(folder))
    await mkdir(folder, { mode: 0o700 })
  }
}

/**
 * The 32-byte seed of a peer's key in the file at `path`, made and flushed to disk at the first call. Readable by its owner only.
 * Throws `corrupt` `key.damaged` when the file has another length: a new key in its place would make a stranger of a known peer.
 */
export async function loadSeed(path: string): Promise<Bytes> {
  const known = await readIfThere(path)
  if (known === undefined) return makeSeed(path)
  if (known.length !== SEED_LENGTH) throw new AppError('corrupt', 'key.damaged', `the key file ${path} is damaged`)
  return new Uint8Array(known)
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

async function makeSeed(path: string): Promise<Bytes> {
  const seed = new Uint8Array(randomBytes(SEED_LENGTH))
  const draft = `${path}.new`
  const file = await open(draft, 'w', 0o600)
  try {
    await file.writeFile(seed)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(draft, path)
  await flushFolder(dirname(path))
  return seed
}

/** A rename is on the disk only once its folder is (fsync(2)); Windows cannot open one, and NTFS journals renames itself. */
async function flushFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
