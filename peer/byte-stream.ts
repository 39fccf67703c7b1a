import type { Stream } from '@libp2p/interface'
import { AppError, isAppError } from '../core/base/errors.ts'
import type { ByteStream } from '../core/ports/network.ts'

/** Bytes that arrived and were not read yet, beyond which the sender is told to stop. One credit window of `/shoal/shard/1`. */
export const READ_HIGH_WATER = 1024 * 1024
/** Where it may go on: low enough that stopping and going on do not alternate for every message. */
const READ_LOW_WATER = READ_HIGH_WATER / 2
/** How long to wait for the other side to confirm our end before the stream is dropped. */
const CLOSE_WITHIN_MS = 10_000

/** A libp2p stream as a `ByteStream`. Nobody else may read, write or pause `stream` afterwards. */
export function byteStream(stream: Stream): ByteStream {
  return new Libp2pByteStream(stream)
}

class Libp2pByteStream implements ByteStream {
  private readonly stream: Stream
  private readonly arrived: Uint8Array[] = []
  private unread = 0
  private ended: boolean
  private failure: AppError | undefined
  private wakeReader: (() => void) | undefined

  constructor(stream: Stream) {
    this.stream = stream
    this.ended = stream.remoteWriteStatus === 'closed' && stream.status === 'open'
    stream.addEventListener('message', ({ data }) => {
      this.onBytes(data instanceof Uint8Array ? [data] : [...data])
    })
    stream.addEventListener('remoteCloseWrite', () => {
      this.ended = true
      this.wake()
    })
    stream.addEventListener('close', ({ error }) => {
      this.failure ??= lost(error)
      this.wake()
    })
    // A connection may break before anybody listens: there is no event for that any more.
    if (stream.status !== 'open' && stream.status !== 'closing') this.failure = lost(undefined)
  }

  async read(): Promise<Uint8Array | null> {
    for (;;) {
      const next = this.arrived.shift()
      if (next !== undefined) {
        this.unread -= next.length
        if (this.unread <= READ_LOW_WATER && this.stream.readStatus === 'paused') this.stream.resume()
        return next
      }
      // What came before the end is read to the end, also when the connection went down right after it.
      if (this.ended && this.stream.readBufferLength === 0) return null
      if (this.failure !== undefined) throw this.failure
      await new Promise<void>((resolve) => {
        this.wakeReader = resolve
      })
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.failure !== undefined) throw this.failure
    try {
      if (this.stream.send(bytes)) return
    } catch (error) {
      throw lost(error)
    }
    await this.drained()
  }

  async close(): Promise<void> {
    try {
      await this.stream.close({ signal: AbortSignal.timeout(CLOSE_WITHIN_MS) })
    } catch (error) {
      this.stream.abort(lost(error))
    }
  }

  abort(reason: Error): void {
    this.failure ??= lost(reason)
    this.arrived.length = 0
    this.ended = false
    this.stream.abort(reason)
    this.wake()
  }

  /**
   * Waits until all that we sent has left our buffer. `onDrain()` of libp2p 3.3 cannot be used: it keeps one promise for the life of the
   * stream, so that every wait after the first ends at once.
   */
  private async drained(): Promise<void> {
    if (this.stream.writeBufferLength > 0) {
      await new Promise<void>((resolve) => {
        const done = () => {
          this.stream.removeEventListener('idle', done)
          this.stream.removeEventListener('close', done)
          resolve()
        }
        this.stream.addEventListener('idle', done)
        this.stream.addEventListener('close', done)
      })
    }
    if (this.failure !== undefined) throw this.failure
  }

  private onBytes(parts: readonly Uint8Array[]): void {
    for (const part of parts) {
      if (part.length === 0) continue
      this.arrived.push(part)
      this.unread += part.length
    }
    if (this.unread >= READ_HIGH_WATER && this.stream.readStatus === 'readable') this.stream.pause()
    this.wake()
  }

  private wake(): void {
    this.wakeReader?.()
    this.wakeReader = undefined
  }
}

function lost(cause: unknown): AppError {
  if (isAppError(cause) && cause.code === 'stream.lost') return cause
  return new AppError('transient', 'stream.lost', 'the stream broke', cause === undefined ? {} : { cause })
}
