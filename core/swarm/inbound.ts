import { AppError } from '../base/errors.ts'
import type { Bytes } from '../base/bytes.ts'
import { HELD_BACK } from './limits.ts'

/** The DATA of one PUT on its way in. */
export class Inbound {
  /** Resolves once all bytes are there; rejects after `drop`. */
  readonly whole: Promise<Bytes>
  private readonly size: number
  private readonly credit: (bytes: number) => void
  private buffer: Bytes | undefined
  private received = 0
  /** Bytes received and not yet credited. */
  private owed = 0
  private dropped = false
  private resolve!: (bytes: Bytes) => void
  private reject!: (error: AppError) => void

  constructor(size: number, credit: (bytes: number) => void) {
    this.size = size
    this.credit = credit
    this.whole = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
    this.whole.catch(() => undefined)
    if (size === 0) this.resolve(new Uint8Array())
  }

  get isDropped(): boolean {
    return this.dropped
  }

  get isComplete(): boolean {
    return this.received === this.size
  }

  /** Whether it stands between its first byte and its last. */
  get isUnderWay(): boolean {
    return this.received > 0 && !this.isComplete
  }

  /** Takes the next bytes. Throws `invalid` `data.unasked` when they are more than was announced. */
  take(bytes: Bytes): void {
    const at = this.received
    if (at + bytes.length > this.size) throw new AppError('invalid', 'data.unasked', 'more data than was announced')
    this.received += bytes.length
    if (this.dropped) return this.credit(bytes.length)
    this.buffer ??= new Uint8Array(this.size)
    this.buffer.set(bytes, at)
    const early = Math.min(bytes.length, Math.max(0, this.size - HELD_BACK - at))
    this.owed += bytes.length - early
    if (early > 0) this.credit(early)
    if (this.isComplete) this.resolve(this.buffer)
  }

  /** Its bytes are on disk, or not wanted: what was held back is credited, what still comes is thrown away. */
  drop(): void {
    if (this.dropped) return
    this.dropped = true
    this.buffer = undefined
    this.reject(new AppError('aborted', 'transfer.cancelled', 'nobody wants it any more'))
    if (this.owed > 0) this.credit(this.owed)
    this.owed = 0
  }
}
