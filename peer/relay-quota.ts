import type { CircuitRelayService } from '@libp2p/circuit-relay-v2'
import type { Connection, Stream } from '@libp2p/interface'
import { AppError } from '../core/base/errors.ts'
import type { Clock } from '../core/ports/clock.ts'

const KIB = 1024
const MIB = 1024 * KIB
const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** Bytes of a relayed connection that cost nothing: a WebRTC handshake takes 5.5 KB, and must come about when a quota is spent, too. */
export const FREE_BYTES = 64 * KIB
/** What the relayed connections of one peer carry beyond: a few small files. */
export const PEER_BYTES: Rate = { burst: 16 * MIB, per: 32 * MIB, within: HOUR }
/** And those of all peers: keys are free, a relay's line is not. */
export const ALL_BYTES: Rate = { burst: 512 * MIB, per: 4096 * MIB, within: HOUR }
/** Relayed connections that a peer may open: one look-up meets a hundred peers, each over one. */
export const PEER_CONNECTIONS: Rate = { burst: 240, per: 240, within: MINUTE }
/** Peers whose quotas are remembered, as many as a relay has connections; the oldest are forgotten first. */
const MAX_PEERS = 8192

/** `per` units in `within` ms, of which `burst` may come at once after a rest. */
export interface Rate {
  readonly burst: number
  readonly per: number
  readonly within: number
}

/** A token bucket. */
class Bucket {
  private readonly rate: Rate
  private left: number
  private since: number

  constructor(rate: Rate, now: number) {
    this.rate = rate
    this.left = rate.burst
    this.since = now
  }

  /** Takes `amount`, if it is there. */
  take(amount: number, now: number): boolean {
    const { burst, per, within } = this.rate
    // A clock that jumps back gives nothing, and takes nothing.
    this.left = Math.min(burst, this.left + (Math.max(0, now - this.since) * per) / within)
    this.since = now
    if (this.left < amount) return false
    this.left -= amount
    return true
  }
}

/** What each peer may still do through this relay (relay.md 3). Peers are named by any string that stays. */
export class LaneQuotas {
  private readonly clock: Clock
  private readonly all: Bucket
  private readonly peers = new Map<string, { readonly bytes: Bucket; readonly connections: Bucket }>()

  constructor(clock: Clock) {
    this.clock = clock
    this.all = new Bucket(ALL_BYTES, clock.now())
  }

  /** Whether `peer` may open one more relayed connection; counts it. */
  connect(peer: string): boolean {
    return this.of(peer).connections.take(1, this.clock.now())
  }

  /** Whether a relayed connection of `peer` may carry `bytes` more; counts them. */
  carry(peer: string, bytes: number): boolean {
    const now = this.clock.now()
    return this.of(peer).bytes.take(bytes, now) && this.all.take(bytes, now)
  }

  private of(peer: string) {
    const known = this.peers.get(peer)
    if (known !== undefined) return known
    const [oldest] = this.peers.keys()
    if (this.peers.size >= MAX_PEERS && oldest !== undefined) this.peers.delete(oldest)
    const now = this.clock.now()
    const fresh = { bytes: new Bucket(PEER_BYTES, now), connections: new Bucket(PEER_CONNECTIONS, now) }
    this.peers.set(peer, fresh)
    return fresh
  }
}

/** libp2p's relay, as far as we watch the streams that come to it. Pinned version, tested. */
interface Hopping extends CircuitRelayService {
  onHop(stream: Stream, connection: Connection): Promise<void>
}

/**
 * Makes `relay`, which must not have started yet, break relayed connections that go beyond `quotas`. libp2p's own limit is per connection;
 * its middleware for streams, which could do this, runs the handler of a stream once more for every stream before (3.3.11).
 * Throws `bug` `relay.internals` when the library changed.
 */
export function limitLanes(relay: CircuitRelayService, quotas: LaneQuotas): void {
  if (!isHopping(relay)) throw new AppError('bug', 'relay.internals', 'the relay of libp2p has changed')
  const onHop = relay.onHop.bind(relay)
  relay.onHop = (stream, connection) => {
    meter(stream, (bytes) => quotas.carry(connection.remotePeer.toString(), bytes))
    return onHop(stream, connection)
  }
}

function isHopping(relay: CircuitRelayService): relay is Hopping {
  return 'onHop' in relay && typeof relay.onHop === 'function'
}

/** Everything that a relayed connection carries goes by the stream of whoever opened it. */
function meter(stream: Stream, carry: (bytes: number) => boolean): void {
  let free = FREE_BYTES
  const count = (bytes: number) => {
    const charged = Math.max(0, bytes - free)
    free = Math.max(0, free - bytes)
    if (charged > 0 && !carry(charged)) stream.abort(new AppError('quota', 'lane.quota', 'this peer has used up what a relay carries for it'))
  }
  stream.addEventListener('message', ({ data }) => count(data.byteLength))
  const send = stream.send.bind(stream)
  stream.send = (data) => {
    count(data.byteLength)
    return send(data)
  }
}
