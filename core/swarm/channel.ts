import { AppError, asAppError } from '../base/errors.ts'
import type { Bytes } from '../base/bytes.ts'
import type { Clock } from '../ports/clock.ts'
import type { ByteStream, PeerKey } from '../ports/network.ts'
import { FrameReader } from './frames.ts'
import { CREDIT_STEP, LINGER, WINDOW } from './limits.ts'
import { decodeMessage, type Message, type MessageOf } from './messages.ts'
import { Outbox, type Transfer } from './outbox.ts'
import { fromWire, toWire } from './wire-error.ts'

/** What a channel hands to its owner: everything but CREDIT, which is its own affair. */
export type ChannelMessage = Exclude<Message, MessageOf<'credit'>>

type Receive = (message: ChannelMessage) => Promise<void> | void

/** How a channel came to its end. */
interface End {
  /** None when one of both sides simply closed. */
  readonly error?: AppError
  /** Whether the peer is told with ERROR id 0. */
  readonly tell: boolean
  /** Whether there is still a stream to say goodbye on. */
  readonly lost: boolean
}

/**
 * One `/shoal/shard/1` stream: frames, the credit window of both directions, and what is waiting to leave.
 * One loop reads, one writes. The owner calls `consumed` for each DATA that no longer counts against the window.
 */
export class Channel {
  /** Grows with each frame read or written: while it stands still, nothing moves. */
  pulse = 0
  /** Whether the stream was ended because the peer broke the protocol. */
  violated = false
  /** DATA bytes that the peer may still send. */
  granted = WINDOW
  /** Bytes of our DATA that the peer has taken, in all. */
  taken = 0
  readonly remote: PeerKey
  private readonly stream: ByteStream
  private readonly clock: Clock
  private readonly outbox = new Outbox()
  private readonly ending: Promise<End>
  private finish!: (end: End) => void
  private over = false
  private uncredited = 0

  constructor(stream: ByteStream, remote: PeerKey, clock: Clock) {
    this.stream = stream
    this.remote = remote
    this.clock = clock
    this.ending = new Promise((resolve) => {
      this.finish = (end) => {
        this.over = true
        resolve(end)
      }
    })
  }

  /**
   * Reads until the stream ends, giving each message to `receive` before the next is read; writes meanwhile. To be called once.
   * Resolves when the peer ended cleanly or `close` was called. Rejects `invalid` (`frame.*`, `format.*`, `credit.*`, or what `receive` threw)
   * after a violation, which the peer is told with ERROR id 0; with what `stop` was given; with the peer's own ERROR id 0; with `transient` `stream.lost`.
   */
  async run(receive: Receive): Promise<void> {
    const reading = this.read(receive)
    const writing = this.write()
    const end = await this.ending
    if (end.tell) void this.outbox.send(toWire(0, end.error))
    this.outbox.end(end.error ?? new AppError('transient', 'stream.ended', 'the stream was closed'))
    if (!end.lost) await this.goodbye(reading, writing)
    this.stream.abort(end.error ?? new AppError('aborted', 'stream.closed', 'closed'))
    this.outbox.drop()
    if (end.error !== undefined) throw end.error
  }

  /** Resolves as soon as it is clear that the stream ends, before the goodbyes: with the error that `run` will reject with, if any. */
  get ended(): Promise<AppError | undefined> {
    return this.ending.then(({ error }) => error)
  }

  /** Queues a frame; resolves once it left, or the stream ended. */
  send(message: Message): Promise<void> {
    return this.outbox.send(message)
  }

  /** Queues the DATA of request `id`, behind the frames sent so far. */
  transfer(id: number, bytes: Bytes): Transfer {
    return this.outbox.transfer(id, bytes)
  }

  /** Whether so many frames wait to leave that nothing more should be asked of us. */
  get clogged(): boolean {
    return this.outbox.full
  }

  /** Whether something waits for the peer to take it. */
  get owed(): boolean {
    return this.outbox.busy
  }

  private credited(bytes: number): void {
    this.outbox.grant(bytes)
    this.taken += bytes
  }

  /** `bytes` of DATA were consumed: gives the peer as much credit again. */
  consumed(bytes: number): void {
    this.uncredited += bytes
    if (this.uncredited < CREDIT_STEP || this.over) return
    this.granted += this.uncredited
    void this.outbox.send({ type: 'credit', bytes: this.uncredited })
    this.uncredited = 0
  }

  /** Ends the stream: `run` rejects with `error`, and the peer is told it. */
  stop(error: AppError): void {
    this.finish({ error, tell: true, lost: false })
  }

  /** Ends the stream cleanly: what was queued leaves, `run` resolves. */
  close(): void {
    this.finish({ tell: false, lost: false })
  }

  private async read(receive: Receive): Promise<void> {
    const reader = new FrameReader(this.stream)
    try {
      for (let body = await reader.next(); body !== null; body = await reader.next()) {
        this.pulse++
        // After the end only the peer's own end is waited for.
        if (!this.over) await this.handle(decodeMessage(body), receive)
      }
      this.finish({ tell: false, lost: false })
    } catch (thrown) {
      const error = asAppError(thrown)
      if (!this.over) this.violated = error.kind === 'invalid'
      this.finish({ error, tell: error.code !== 'stream.lost', lost: error.code === 'stream.lost' })
      await this.discard()
    }
  }

  private async handle(message: Message, receive: Receive): Promise<void> {
    if (message.type === 'credit') this.credited(message.bytes)
    else if (message.type === 'error' && message.id === 0) {
      this.finish({ error: fromWire(message, this.remote), tell: false, lost: false })
    } else {
      if (message.type === 'data') this.spend(message.bytes.length)
      await receive(message)
    }
  }

  private spend(bytes: number): void {
    this.granted -= bytes
    if (this.granted < 0) throw new AppError('invalid', 'credit.overrun', 'more data than was granted')
  }

  /** Reads on without looking, so that a peer that is still writing gets to our last frame. */
  private async discard(): Promise<void> {
    try {
      while ((await this.stream.read()) !== null) this.pulse++
    } catch {
      // However it ended: the reason that counts is known already.
    }
  }

  private async write(): Promise<void> {
    try {
      for (let next = await this.outbox.next(); next !== null; next = await this.outbox.next()) {
        await this.stream.write(next.bytes)
        this.pulse++
        next.written()
      }
    } catch (thrown) {
      this.finish({ error: asAppError(thrown, 'transient', 'stream.lost'), tell: false, lost: true })
    }
  }

  /** Lets the last frames leave and waits for the peer's end, for `LINGER` at most. */
  private async goodbye(reading: Promise<void>, writing: Promise<void>): Promise<void> {
    const enough = new AbortController()
    const patience = this.clock.sleep(LINGER, enough.signal).catch(() => undefined)
    const parting = async () => {
      await writing
      await this.stream.close()
      await reading
    }
    await Promise.race([parting(), patience])
    enough.abort()
  }
}
