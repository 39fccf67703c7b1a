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
  private readonly scratch: Bytes | undefined

  /** `scratch`: where copies go that fit, each until the next one. New memory else. */
  constructor(stretches: readonly Bytes[], scratch?: Bytes) {
    this.stretches = stretches
    this.scratch = scratch
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
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : this.together(parts)
  }

  private together(parts: readonly Bytes[]): Bytes {
    const length = parts.reduce((sum, part) => sum + part.length, 0)
    if (this.scratch === undefined || length > this.scratch.length) return concat(parts)
    let at = 0
    for (const part of parts) {
      this.scratch.set(part, at)
      at += part.length
    }
    return this.scratch.subarray(0, length)
  }
}
