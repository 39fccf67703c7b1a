import { concat, type Bytes } from './bytes.ts'

/** Bytes that are read part by part, wherever they lie. A `Uint8Array` is one. */
export interface ByteView {
  readonly length: number
  /** The bytes from `from` to before `to`, or to the end: a view or a copy. */
  subarray(from: number, to: number): Bytes
}

/** Several stretches of bytes as one; only what reaches over the end of a stretch is copied. */
export class Joined implements ByteView {
  readonly length: number
  private readonly stretches: readonly Bytes[]

  constructor(stretches: readonly Bytes[]) {
    this.stretches = stretches
    this.length = stretches.reduce((sum, { length }) => sum + length, 0)
  }

  subarray(from: number, to: number): Bytes {
    const parts: Bytes[] = []
    let start = 0
    for (const stretch of this.stretches) {
      const [first, last] = [Math.max(from - start, 0), Math.min(to - start, stretch.length)]
      if (first < last) parts.push(stretch.subarray(first, last))
      start += stretch.length
    }
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : concat(parts)
  }
}
