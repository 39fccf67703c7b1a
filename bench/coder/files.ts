import { randomFillSync } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'

export const MIB = 2 ** 20
/** Files of a benchmark lie in memory, so that no disk is measured. */
const MEMORY = '/dev/shm'

/** Runs `work` with a folder in memory, which is gone afterwards. */
export async function inMemory(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(MEMORY, 'shoal-bench-'))
  try {
    await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

export async function randomFile(path: string, size: number): Promise<void> {
  const file = await open(path, 'w')
  const block = new Uint8Array(MIB)
  for (let at = 0; at < size; at += block.length) await file.write(randomFillSync(block), 0, Math.min(block.length, size - at))
  await file.close()
}

/** A copy of a file, beside it, with one byte more in front. */
export async function withByteInFront(path: string): Promise<string> {
  const longer = `${path}.longer`
  await writeFile(longer, '!')
  await pipeline(createReadStream(path), createWriteStream(longer, { flags: 'a' }))
  return longer
}

/** 1,000 random files of 16 KiB in a new folder. */
export async function smallFiles(folder: string): Promise<{ paths: string[]; bytes: number }> {
  await mkdir(folder)
  const paths = Array.from({ length: 1000 }, (_, i) => join(folder, `small-${i}.bin`))
  for (const path of paths) await randomFile(path, 16 * 1024)
  return { paths, bytes: 1000 * 16 * 1024 }
}
