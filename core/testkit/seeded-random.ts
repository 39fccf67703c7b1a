import type { Bytes } from '../base/bytes.ts'
import type { Random } from '../ports/clock.ts'

/** Repeatable randomness: mulberry32 (public domain), one word at a time. A test prints `seed` to repeat itself. */
export class SeededRandom implements Random {
  readonly seed: number
  private state: number

  constructor(seed = 1) {
    this.seed = seed
    this.state = seed >>> 0
  }

  unit(): number {
    return this.word() / 4294967296
  }

  bytes(length: number): Bytes {
    const out = new Uint8Array(length)
    for (let i = 0; i < length; i++) out[i] = this.word() >>> 24
    return out
  }

  /** An integer from `low` to `high`, both included. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.unit() * (high - low + 1))
  }

  /** One of `items`, which must not be empty. */
  pick<T>(items: readonly T[]): T {
    const item = items[this.integer(0, items.length - 1)]
    if (item === undefined) throw new RangeError('nothing to pick from')
    return item
  }

  private word(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0
    let t = this.state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return (t ^ (t >>> 14)) >>> 0
  }
}
