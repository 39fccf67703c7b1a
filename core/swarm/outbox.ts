import { AppError } from '../base/errors.ts'
import type { Bytes } from '../base/bytes.ts'
import { frame } from './frames.ts'
import { MAX_DATA, MAX_INTERLEAVED, MAX_QUEUED, WINDOW } from './limits.ts'
import { writeMessage, type Message } from './messages.ts'

/** The bytes of one shard or object on their way to the peer. */
export interface Transfer {
  /** Resolves once the last byte was handed to the transport; rejects `aborted` `transfer.cancelled` after `cancel`, or with what ended the stream. */
  readonly done: Promise<void>
  /** Bytes that still wait for their turn or for credit. */
  readonly left: number
  /** Sends no more of it. */
  cancel(): void
}

interface Control {
  readonly bytes: Bytes
  written(): void
}

/** What waits to be written, and in which order: small frames first; DATA within the peer's credit, a few transfers in turn. */
export class Outbox {
  private readonly controls: Control[] = []
  private readonly transfers: Sending[] = []
  private credit = WINDOW
  private ended: AppError | undefined
  private wake: (() => void) | undefined

  /** Frames that wait, DATA not counted. */
  get queued(): number {
    return this.controls.length
  }

  get full(): boolean {
    return this.controls.length >= MAX_QUEUED
  }

  /** Whether the peer owes us a read: something waits to leave. */
  get busy(): boolean {
    return this.controls.length > 0 || this.transfers.length > 0
  }

  /**
   * Queues a frame; resolves once it was handed to the transport. Never rejects: when the stream ends, so does the wait.
   * Throws `bug` `format.unencodable` at once.
   */
  send(message: Message): Promise<void> {
    const bytes = framed(message)
    return new Promise((resolve) => {
      if (this.ended !== undefined) return resolve()
      this.controls.push({ bytes, written: resolve })
      this.ring()
    })
  }

  /** Queues the DATA of request `id`, behind all frames sent before. `bytes` must not change until it is done. */
  transfer(id: number, bytes: Bytes): Transfer {
    const sending = new Sending(id, bytes, () => {
      const at = this.transfers.indexOf(sending)
      if (at >= 0) this.transfers.splice(at, 1)
      this.ring()
    })
    if (this.ended !== undefined) sending.fail(this.ended)
    else if (bytes.length === 0) sending.finish()
    else this.transfers.push(sending)
    this.ring()
    return sending
  }

  /** More credit from the peer. Throws `invalid` `credit.excess` when it gives more than it can have taken. */
  grant(bytes: number): void {
    if (this.credit + bytes > WINDOW) throw new AppError('invalid', 'credit.excess', 'credit beyond the window')
    this.credit += bytes
    this.ring()
  }

  /** The next frame for the transport, waiting for one; `null` after `end`. Call `written` once it was taken. */
  async next(): Promise<{ bytes: Bytes; written: () => void } | null> {
    for (;;) {
      const control = this.controls.shift()
      if (control !== undefined) return control
      if (this.ended !== undefined) return null
      const data = this.nextData()
      if (data !== undefined) return data
      await new Promise<void>((resolve) => (this.wake = resolve))
    }
  }

  /** Nothing more is queued; frames that wait still leave through `next`, transfers reject with `error`. */
  end(error: AppError): void {
    if (this.ended !== undefined) return
    this.ended = error
    for (const sending of this.transfers.splice(0)) sending.fail(error)
    this.ring()
  }

  /** Lets everybody go who waits for a frame to leave. */
  drop(): void {
    for (const control of this.controls.splice(0)) control.written()
  }

  private nextData(): Control | undefined {
    const sending = this.transfers[0]
    if (sending === undefined || this.credit === 0) return undefined
    const bytes = sending.cut(Math.min(MAX_DATA, this.credit))
    this.credit -= bytes.length
    // The turn passes to the next of the few that are under way; the others wait, so that shards become whole one after another.
    const rest = this.transfers.splice(0, MAX_INTERLEAVED)
    rest.push(...rest.splice(0, 1))
    if (sending.left === 0) rest.pop()
    this.transfers.unshift(...rest)
    const written = () => {
      if (sending.left === 0) sending.finish()
    }
    return { bytes: framed({ type: 'data', id: sending.id, bytes }), written }
  }

  private ring(): void {
    this.wake?.()
    this.wake = undefined
  }
}

class Sending implements Transfer {
  readonly id: number
  readonly done: Promise<void>
  finish!: () => void
  fail!: (error: AppError) => void
  private rest: Bytes
  private readonly remove: () => void

  constructor(id: number, bytes: Bytes, remove: () => void) {
    this.id = id
    this.rest = bytes
    this.remove = remove
    this.done = new Promise((resolve, reject) => {
      this.finish = resolve
      this.fail = reject
    })
    // Who cancels or ends a stream need not wait for the transfers on it.
    this.done.catch(() => undefined)
  }

  get left(): number {
    return this.rest.length
  }

  cut(most: number): Bytes {
    const piece = this.rest.subarray(0, most)
    this.rest = this.rest.subarray(piece.length)
    return piece
  }

  cancel(): void {
    this.rest = this.rest.subarray(0, 0)
    this.remove()
    this.fail(new AppError('aborted', 'transfer.cancelled', 'nobody wants it any more'))
  }
}

function framed(message: Message): Bytes {
  return frame((to) => {
    writeMessage(to, message)
  })
}
