import { expect, type Page } from '@playwright/test'
import { createHash, randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Upload } from './page.ts'

/** Files of the kinds that people have. */

/** A photo of sorts: a JPEG that the browser itself encodes. */
export async function jpeg(page: Page): Promise<Upload> {
  const base64 = await page.evaluate(() => {
    const canvas = new OffscreenCanvas(640, 480)
    const pen = canvas.getContext('2d')
    if (pen === null) throw new Error('no canvas')
    for (let i = 0; i < 400; i++) {
      pen.fillStyle = `hsl(${String(i)} 70% 50%)`
      pen.fillRect((i * 37) % 640, (i * 91) % 480, 60, 40)
    }
    return canvas.convertToBlob({ type: 'image/jpeg' }).then(async (blob) => {
      const bytes = new Uint8Array(await blob.arrayBuffer())
      return btoa(String.fromCharCode(...bytes))
    })
  })
  const buffer = Buffer.from(base64, 'base64')
  expect(buffer.subarray(0, 2).toString('hex')).toBe('ffd8')
  return { name: 'reef.jpg', mimeType: 'image/jpeg', buffer }
}

/** A JSON of some size: this project's own lock file. */
export async function json(): Promise<Upload> {
  return { name: 'package-lock.json', mimeType: 'application/json', buffer: await readFile('package-lock.json') }
}

export const empty: Upload = { name: 'empty.txt', mimeType: 'text/plain', buffer: Buffer.alloc(0) }

/** A file of random bytes on disk: nothing compresses it, no two are alike. */
export async function randomFile(folder: string, name: string, size: number): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, randomBytes(size))
  return path
}

export function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
