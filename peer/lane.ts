import type { Connection, Stream } from '@libp2p/interface'
import { AppError, isAppError } from '../core/base/errors.ts'
import type { ByteStream, PeerKey } from '../core/ports/network.ts'
import { byteStream } from './byte-stream.ts'

/** What both ends together may send over one relayed connection: the relay's 1 MiB less what signalling, Noise and yamux take of it. */
export const LANE_BYTES = 960 * 1024
/** Streams of one peer at once over relays. */
export const MAX_LANE_STREAMS = 64
/** How long the lane is taken without trying direct ways first, once these have failed. */
export const DIRECT_AGAIN_MS = 60_000
/** Peers whose failed dials are remembered; the oldest are forgotten first. */
const MAX_FAILED = 1024

interface Lane {
  readonly connection: Connection
  readonly remote: PeerKey
  used: number
}

/** The streams that run over relays, for want of a direct way (relay.md 3). */
export class Lanes {
  private readonly changed: () => void
  private readonly now: () => number
  private readonly lanes = new WeakMap<Connection, Lane>()
  private readonly open = new Map<PeerKey, number>()
  private readonly failed = new Map<PeerKey, number>()

  /** `changed` is called when `peers()` changes. */
  constructor(now: () => number, changed: () => void) {
    this.now = now
    this.changed = changed
  }

  /** Peers with a stream over a relay. */
  peers(): PeerKey[] {
    return [...this.open.keys()]
  }

  /** Remembers that no direct way led to `peer`, or that one did. */
  noteDirect(peer: PeerKey, worked: boolean): void {
    this.failed.delete(peer)
    if (worked) return
    const [oldest] = this.failed.keys()
    if (this.failed.size >= MAX_FAILED && oldest !== undefined) this.failed.delete(oldest)
    this.failed.set(peer, this.now())
  }

  /** Whether it is too early to try direct ways to `peer` again. */
  failedLately(peer: PeerKey): boolean {
    const age = this.now() - (this.failed.get(peer) ?? -Infinity)
    // A clock that jumped back must not shut direct ways out.
    return age >= 0 && age < DIRECT_AGAIN_MS
  }

  /** Whether `connection` is a relayed one with room left. */
  usable(connection: Connection): boolean {
    return connection.status === 'open' && connection.limits !== undefined && (this.lanes.get(connection)?.used ?? 0) < LANE_BYTES
  }

  /** A stream over a relayed connection. Throws `transient` `lane.busy`; the stream is broken then. */
  stream(stream: Stream, connection: Connection, remote: PeerKey): ByteStream {
    const count = this.open.get(remote) ?? 0
    if (count >= MAX_LANE_STREAMS) {
      const busy = new AppError('transient', 'lane.busy', 'too many streams over a relay')
      stream.abort(busy)
      throw busy
    }
    // One that broke before anybody listened says so to whoever reads it, and has no event any more.
    if (stream.status === 'open' || stream.status === 'closing') {
      this.open.set(remote, count + 1)
      stream.addEventListener('close', () => this.closed(remote), { once: true })
    }
    const lane = this.lanes.get(connection) ?? { connection, remote, used: 0 }
    this.lanes.set(connection, lane)
    this.changed()
    return new LaneStream(byteStream(stream), lane)
  }

  private closed(remote: PeerKey): void {
    const left = (this.open.get(remote) ?? 1) - 1
    if (left > 0) this.open.set(remote, left)
    else this.open.delete(remote)
    this.changed()
  }
}

class LaneStream implements ByteStream {
  readonly relayed = true
  private readonly inner: ByteStream
  private readonly lane: Lane

  constructor(inner: ByteStream, lane: Lane) {
    this.inner = inner
    this.lane = lane
  }

  async read(): Promise<Uint8Array | null> {
    try {
      const bytes = await this.inner.read()
      this.lane.used += bytes?.length ?? 0
      return bytes
    } catch (error) {
      throw this.explained(error)
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.lane.used += bytes.length
    if (this.lane.used > LANE_BYTES) {
      const error = spent()
      this.inner.abort(error)
      this.lane.connection.abort(error)
      throw error
    }
    try {
      await this.inner.write(bytes)
    } catch (error) {
      throw this.explained(error)
    }
  }

  close(): Promise<void> {
    return this.inner.close()
  }

  abort(reason: Error): void {
    this.inner.abort(reason)
  }

  /** The other end or the relay counts, too, and breaks the connection without a reason: after half of it all, that is the likely one. */
  private explained(error: unknown): unknown {
    return isAppError(error) && error.code === 'stream.lost' && this.lane.used > LANE_BYTES / 2 ? spent(error) : error
  }
}

function spent(cause?: unknown): AppError {
  return new AppError('transient', 'lane.spent', 'the relay carries no more than this at once', cause === undefined ? {} : { cause })
}
