import { AppError, throwIfAborted } from '../base/errors.ts'
import type { Bytes } from '../base/bytes.ts'
import { Gate } from '../base/gate.ts'
import type { Clock } from '../ports/clock.ts'
import type { Channel, ChannelMessage } from './channel.ts'
import { CLIENT_BURST, CLIENT_RATE, CLIENT_STEP, MAX_OPEN, MAX_SHARD, REQUEST_LIMIT, REQUEST_STALL, UPLOAD_LIMIT } from './limits.ts'
import type { Message } from './messages.ts'
import type { Transfer } from './outbox.ts'
import { TokenBucket } from './token-bucket.ts'
import { fromWire } from './wire-error.ts'

/** One frame of the host for one request. */
export type Reply = Exclude<Extract<ChannelMessage, { id: number }>, { type: 'error' }>

/** Called with each reply: the result once it is complete, `undefined` while more is to come. What it throws ends the stream. */
export type Handler<T> = (reply: Reply) => T | undefined

interface Pending {
  moved: boolean
  quiet: number
  transfer: Transfer | undefined
  receive(reply: Reply): void
  fail(error: AppError): void
}

interface Ask {
  readonly signal?: AbortSignal | undefined
  /** DATA to send after the request. */
  readonly body?: Bytes
}

/** The open requests of one client: ids, their answers, their end. */
export class Requests {
  private readonly channel: Channel
  private readonly clock: Clock
  private readonly pending = new Map<number, Pending>()
  private readonly gate = new Gate(MAX_OPEN)
  private readonly bucket: TokenBucket
  private readonly ended = new AbortController()
  private end: AppError | undefined
  private nextId = 1
  /** DATA that may still arrive for requests that were cancelled. */
  private stray = 0
  /** Bytes that the host had taken when it was last looked, and for how long it has taken none, in ms. */
  private taken = 0
  private noTaker = 0
  /** Bytes of all transfers that had not left when last looked at. */
  private left = 0
  private watching = false
  private asked = 0

  constructor(channel: Channel, clock: Clock) {
    this.channel = channel
    this.clock = clock
    this.bucket = new TokenBucket(CLIENT_RATE, CLIENT_BURST, clock)
  }

  /** Requests sent and not ended, and those that wait for their turn. */
  get open(): number {
    return this.asked
  }

  /** Sends what `build` makes with a fresh id, and hands each reply to `handler` until it returns a result. */
  async ask<T>(build: (id: number) => Message, handler: Handler<T>, options: Ask): Promise<T> {
    throwIfAborted(options.signal)
    this.asked++
    try {
      return await this.inTurn(() => this.exchange(build, handler, options), options.signal)
    } catch (error) {
      // Whatever the stream's end makes of the waits in between: the caller hears of its own cancel, else of the end.
      throwIfAborted(options.signal)
      throw this.end ?? error
    } finally {
      this.asked--
    }
  }

  /** To be called with each message of the host. Throws `invalid` when it answers what nobody asked. */
  receive(message: ChannelMessage): void {
    if (!('id' in message)) throw new AppError('invalid', 'frame.unexpected', `${message.type} is not an answer`)
    const pending = this.pending.get(message.id)
    if (pending === undefined) return this.receiveStray(message)
    pending.moved = true
    if (message.type === 'error') pending.fail(fromWire(message, this.channel.remote))
    else pending.receive(message)
    if (message.type === 'data') this.channel.consumed(message.bytes.length)
  }

  /** The stream is over: everything that is open rejects with `error`. */
  stop(error: AppError): void {
    this.end ??= error
    for (const pending of [...this.pending.values()]) pending.fail(error)
    this.ended.abort(error)
  }

  private async inTurn<T>(task: () => Promise<T>, wanted: AbortSignal | undefined): Promise<T> {
    const signal = wanted === undefined ? this.ended.signal : AbortSignal.any([wanted, this.ended.signal])
    await this.gate.enter(1, signal)
    try {
      await this.bucket.take(signal)
      return await task()
    } finally {
      this.gate.leave(1)
    }
  }

  private exchange<T>(build: (id: number) => Message, handler: Handler<T>, options: Ask): Promise<T> {
    if (this.end !== undefined) throw this.end
    throwIfAborted(options.signal)
    const id = this.nextId++
    void this.channel.send(build(id))
    return new Promise<T>((resolve, reject) => {
      const settle = () => {
        this.pending.delete(id)
        options.signal?.removeEventListener('abort', stop)
      }
      const fail = (error: AppError) => {
        settle()
        this.withdraw(id, pending, error)
        reject(error)
      }
      const stop = () => fail(new AppError('aborted', 'aborted', 'cancelled', { cause: options.signal?.reason }))
      const receive = (reply: Reply) => {
        const result = handler(reply)
        if (result === undefined) return
        if ((pending.transfer?.left ?? 0) > 0) throw new AppError('invalid', 'frame.unexpected', 'an answer before the data')
        settle()
        resolve(result)
      }
      const pending: Pending = { moved: false, quiet: 0, transfer: undefined, receive, fail }
      this.pending.set(id, pending)
      options.signal?.addEventListener('abort', stop, { once: true })
      if (options.body !== undefined) pending.transfer = this.channel.transfer(id, options.body)
      void this.watch()
    })
  }

  /** Tells the host that nobody waits for `id` any more, unless the host ended it and has all of its DATA. */
  private withdraw(id: number, pending: Pending, error: AppError): void {
    if (this.end !== undefined) return
    const answered = 'peer' in error.data
    if (answered && (pending.transfer?.left ?? 0) === 0) return
    pending.transfer?.cancel()
    if (!answered) this.stray += MAX_SHARD
    void this.channel.send({ type: 'cancel', id })
  }

  /** An answer to what was cancelled is dropped; one to what was never asked ends the stream. */
  private receiveStray(message: Extract<ChannelMessage, { id: number }>): void {
    if (message.id >= this.nextId) throw new AppError('invalid', 'data.unasked', 'an answer to no request')
    if (message.type !== 'data') return
    this.stray -= message.bytes.length
    if (this.stray < 0) throw new AppError('invalid', 'data.unasked', 'data beyond what was asked')
    this.channel.consumed(message.bytes.length)
  }

  /** Gives up requests on which nothing moves, for as long as there are any. */
  private async watch(): Promise<void> {
    if (this.watching) return
    this.watching = true
    let pulse = this.channel.pulse
    let still = 0
    while (this.pending.size > 0 && this.end === undefined) {
      try {
        await this.clock.sleep(CLIENT_STEP, this.ended.signal)
      } catch {
        break
      }
      still = pulse === this.channel.pulse ? still + CLIENT_STEP : 0
      pulse = this.channel.pulse
      this.review(still)
    }
    this.watching = false
  }

  /** `still`: for how long nothing at all came or went on the stream, in ms. */
  private review(still: number): void {
    const stalled = new AppError('transient', 'host.stalled', 'the host does not answer')
    if (still >= REQUEST_STALL) {
      this.stop(stalled)
      return this.channel.stop(stalled)
    }
    // A slow line moves bytes long before the host has enough of them to say so.
    const left = [...this.pending.values()].reduce((sum, { transfer }) => sum + (transfer?.left ?? 0), 0)
    this.noTaker = this.channel.taken === this.taken && left === this.left ? this.noTaker + CLIENT_STEP : 0
    this.taken = this.channel.taken
    this.left = left
    for (const pending of [...this.pending.values()]) {
      const { transfer } = pending
      // What is still being sent waits for its turn on the line, not for the host, as long as that takes anything.
      const moving = pending.moved || ((transfer?.left ?? 0) > 0 && this.noTaker < REQUEST_STALL)
      pending.quiet = moving ? 0 : pending.quiet + CLIENT_STEP
      pending.moved = false
      const limit = transfer !== undefined && this.noTaker >= UPLOAD_LIMIT ? UPLOAD_LIMIT : REQUEST_LIMIT
      if (pending.quiet >= limit) pending.fail(stalled)
    }
  }
}
