import { AppError } from '../base/errors.ts'
import type { Bytes } from '../base/bytes.ts'
import type { Budget } from './budget.ts'
import type { Channel } from './channel.ts'
import { HELD_BACK, MAX_DATA, PUT_STALL } from './limits.ts'

/** What the credit of a PUT is counted on. */
type Line = Pick<Channel, 'consumed' | 'granted'>

/** The DATA of one PUT on its way in. */
export class Inbound {
  /** Resolves once the first byte is there; rejects as `whole`. */
  readonly begun: Promise<void>
  /** Resolves once all bytes are there; rejects after `drop`. */
  readonly whole: Promise<Bytes>
  private readonly size: number
  private readonly channel: Line
  private readonly budget: Budget
  private buffer: Bytes | undefined
  private received = 0
  /** Bytes received and not yet credited. */
  private owed = 0
  /** Bytes taken from the budget. */
  private taken = 0
  /** For how long nothing came, in ms. */
  private quiet = 0
  private dropped = false
  private readonly begin: () => void
  private readonly resolve: (bytes: Bytes) => void
  private readonly reject: (error: AppError) => void

  /** `budget`: for the bytes in memory of this and all others. */
  constructor(size: number, channel: Line, budget: Budget) {
    this.size = size
    this.channel = channel
    this.budget = budget
    const first = Promise.withResolvers<undefined>()
    const all = Promise.withResolvers<Bytes>()
    this.begun = first.promise
    this.whole = all.promise
    this.begin = () => first.resolve(undefined)
    this.resolve = (bytes) => all.resolve(bytes)
    this.reject = (error) => {
      first.reject(error)
      all.reject(error)
    }
    this.begun.catch(() => undefined)
    this.whole.catch(() => undefined)
    if (size > 0) return
    this.begin()
    this.resolve(new Uint8Array())
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

  /** Takes the next bytes. Without room in memory it drops itself: `transient` `host.busy`. Throws `invalid` `data.unasked` when they are more than was announced. */
  take(bytes: Bytes): void {
    const at = this.received
    if (at + bytes.length > this.size) throw new AppError('invalid', 'data.unasked', 'more data than was announced')
    this.received += bytes.length
    this.quiet = 0
    if (!this.dropped && this.buffer === undefined && !this.budget.tryTake(this.size)) {
      this.drop(new AppError('transient', 'host.busy', 'too much is on its way in; try again in a moment'))
    }
    if (this.dropped) return this.channel.consumed(bytes.length)
    if (this.buffer === undefined) this.taken = this.size
    this.buffer ??= new Uint8Array(this.size)
    this.buffer.set(bytes, at)
    this.begin()
    const early = Math.min(bytes.length, Math.max(0, this.size - HELD_BACK - at))
    this.owed += bytes.length - early
    if (early > 0) this.channel.consumed(early)
    if (this.isComplete) this.resolve(this.buffer)
  }

  /** Time passed, in ms. Drops itself, `transient` `put.stalled`, when the client could have sent of it for `PUT_STALL` and did not; `elsewhere`: DATA of others came. */
  tick(ms: number, elsewhere: boolean): void {
    if (this.isComplete || this.dropped) return
    // One that has not begun waits for its turn behind those under way.
    const excused = this.channel.granted < MAX_DATA || (elsewhere && this.received === 0)
    this.quiet = excused ? 0 : this.quiet + ms
    if (this.quiet >= PUT_STALL) this.drop(new AppError('transient', 'put.stalled', 'no data came'))
  }

  /** Nobody works with its bytes any more: `drop`, and the memory is free. */
  end(): void {
    this.drop()
    this.budget.give(this.taken)
    this.taken = 0
  }

  /** Its bytes are on disk, or not wanted: what was held back is credited, what still comes is thrown away. */
  drop(reason = new AppError('aborted', 'transfer.cancelled', 'nobody wants it any more')): void {
    if (this.dropped) return
    this.dropped = true
    this.buffer = undefined
    this.reject(reason)
    if (this.owed > 0) this.channel.consumed(this.owed)
    this.owed = 0
  }
}
