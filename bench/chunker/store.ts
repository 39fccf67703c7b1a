import { createHash } from 'node:crypto'
import { CHUNK_LIMITS } from '../../core/chunker/chunker.ts'

/** The length of the chunk that begins these bytes, which reach to the end of the file or of the longest chunk. */
export type Cut = (bytes: Uint8Array) => number

/** All chunks of a file. */
export function chunks(file: Uint8Array, cut: Cut): Uint8Array[] {
  const found: Uint8Array[] = []
  for (let rest = file; rest.length > 0; ) {
    const length = cut(rest.subarray(0, CHUNK_LIMITS.max))
    found.push(rest.subarray(0, length))
    rest = rest.subarray(length)
  }
  return found
}

/** Counts the bytes of files, and of their different chunks. */
export class Store {
  all = 0
  stored = 0
  count = 0
  private readonly seen = new Set<string>()
  private readonly cut: Cut

  constructor(cut: Cut) {
    this.cut = cut
  }

  add(file: Uint8Array): void {
    for (const chunk of chunks(file, this.cut)) {
      this.all += chunk.length
      this.count++
      const hash = createHash('sha256').update(chunk).digest('hex')
      if (this.seen.has(hash)) continue
      this.seen.add(hash)
      this.stored += chunk.length
    }
  }
}
