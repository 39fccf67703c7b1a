import { randomBytes } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'

/** Bytes of each corpus: a chunk of average length. */
export const CHUNK = 4 * 2 ** 20

/** What is compressed, by name; each `CHUNK` bytes. What is read is in every installation of this version. */
export function corpora(): Record<string, Uint8Array> {
  return {
    text: gathered('node_modules/{@libp2p,svelte,vite,vitest,typescript-eslint}/**/*.{ts,md,js}'),
    json: gathered('node_modules/**/*.json'),
    binary: readFileSync(process.execPath).subarray(CHUNK, 2 * CHUNK),
    random: randomBytes(CHUNK),
  }
}

/** The files that match, one after another, at most 256 KiB of each. */
function gathered(pattern: string): Uint8Array {
  const all = new Uint8Array(CHUNK)
  let length = 0
  for (const path of globSync(pattern).sort()) {
    if (length === CHUNK) return all
    const bytes = readFileSync(path).subarray(0, Math.min(2 ** 18, CHUNK - length))
    all.set(bytes, length)
    length += bytes.length
  }
  throw new Error(`only ${String(length)} bytes in ${pattern}`)
}
