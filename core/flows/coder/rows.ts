import { concat, type Bytes } from '../../base/bytes.ts'
import type { Erasure } from '../../erasure/erasure.ts'
import type { ChunkRows } from '../../ports/coder.ts'
import type { SealedBytes } from '../../seal/segments.ts'

/** The data rows from `first` to before `end`; those that did not come are computed. Errors as `Erasure.restore`. */
export function dataRows(erasure: Erasure, { k, rows }: ChunkRows, first: number, end: number): Bytes[] {
  const wanted = Array.from({ length: end - first }, (_, i) => first + i)
  const present = new Map<number, Bytes>(rows.map((row) => [row.index, row.bytes]))
  const missing = wanted.filter((index) => !present.has(index))
  if (missing.length > 0) {
    const restored = erasure.restore(rows, k, missing)
    missing.forEach((index, i) => present.set(index, restored[i] ?? new Uint8Array(0)))
  }
  return wanted.map((index) => present.get(index) ?? new Uint8Array(0))
}

/** Bytes that lie in rows of one size, one after another: copied only where a part reaches over the end of a row. */
export class RowBytes implements SealedBytes {
  readonly length: number
  private readonly rows: readonly Bytes[]
  private readonly size: number
  private readonly start: number

  /** `length` bytes from `start` bytes into the first of `rows`, each `size` bytes long. */
  constructor(rows: readonly Bytes[], size: number, start: number, length: number) {
    this.rows = rows
    this.size = size
    this.start = start
    this.length = length
  }

  subarray(from: number, to: number): Bytes {
    const [begin, end] = [this.start + Math.min(from, this.length), this.start + Math.min(to, this.length)]
    const parts: Bytes[] = []
    for (let at = begin; at < end; ) {
      const row = Math.floor(at / this.size)
      const next = Math.min(end, (row + 1) * this.size)
      parts.push((this.rows[row] ?? new Uint8Array(0)).subarray(at - row * this.size, next - row * this.size))
      at = next
    }
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : concat(parts)
  }
}
