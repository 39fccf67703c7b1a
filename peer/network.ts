import type { Connection, PeerId, Stream } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { AppError, isAppError, throwIfAborted } from '../core/base/errors.ts'
import type { ByteStream, Network, NetworkState, PeerHint, PeerKey, StreamHandler } from '../core/ports/network.ts'
import type { Clock } from '../core/ports/clock.ts'
import { ADDRESS_DIAL_TIMEOUT_MS, byReach, type PeerNode } from './assembly.ts'
import { byteStream } from './byte-stream.ts'
import { eventsUntil, routingTable } from './dht.ts'
import type { HostDirectory } from './host-directory.ts'
import { carriesStreams, parseAddresses, peerIdOf, peerKeyOf } from './identity.ts'
import { Lanes } from './lane.ts'
import type { Log } from './log.ts'
import type { RelayKeeper } from './relay-keeper.ts'
import { TableCare } from './table-care.ts'
import { deadRelaysLast, firstOf, HEAD_START_MS, laneAddresses, waysOf } from './ways.ts'

/** Streams of one protocol per connection: 4 are allowed (shard.md 6), and old ones may still be closing. */
const MAX_STREAMS = 16
/** How long the other side may take to agree on a protocol, over a connection that may be dead already. */
const NEGOTIATE_WITHIN_MS = 15_000
const DIAL_WITHIN_MS = 20_000
/** And through a relay: two round trips of a connection that is there, in most cases. */
const LANE_WITHIN_MS = 10_000
/** A direct way gets so much time before the lane is tried beside it. Handshakes take seconds on a slow device, and where UDP is blocked they never end. */
const LANE_AFTER_MS = 7000
/** How long to ask the DHT where a peer is now. */
const LOOKUP_WITHIN_MS = 10_000

export interface NetworkInit {
  readonly node: PeerNode
  readonly self: PeerKey
  readonly keeper: RelayKeeper
  readonly directory: HostDirectory
  readonly clock: Clock
  readonly log: Log
}

/** libp2p as the rest of Shoal sees it. */
export class Libp2pNetwork implements Network {
  readonly self: PeerKey
  private readonly init: NetworkInit
  private readonly listeners = new Set<() => void>()
  private readonly care: TableCare
  private readonly lanes: Lanes

  constructor(init: NetworkInit) {
    this.init = init
    this.lanes = new Lanes(() => init.clock.now(), () => this.changed())
    this.self = init.self
    for (const type of ['connection:open', 'connection:close'] as const) init.node.addEventListener(type, () => this.changed())
    this.care = new TableCare(init.node)
  }

  /** Tells everybody who watches. */
  changed(): void {
    for (const listener of this.listeners) listener()
  }

  state(): NetworkState {
    const peers = new Set<PeerKey>()
    for (const connection of this.init.node.getConnections()) {
      const key = direct(connection) && !this.init.keeper.isRelay(connection.remotePeer) ? peerKeyOf(connection.remotePeer) : undefined
      if (key !== undefined) peers.add(key)
    }
    const relayed = this.lanes.peers().filter((peer) => !peers.has(peer))
    return { peers: [...peers], relayed, relays: this.init.keeper.relays() }
  }

  watch(listener: () => void, signal: AbortSignal): void {
    if (signal.aborted) return
    this.listeners.add(listener)
    signal.addEventListener('abort', () => this.listeners.delete(listener), { once: true })
  }

  async open(peer: PeerHint, protocol: string, options: { signal?: AbortSignal } = {}): Promise<ByteStream> {
    const { signal } = options
    throwIfAborted(signal)
    try {
      return await this.openStream(peer, protocol, signal)
    } catch (cause) {
      throwIfAborted(signal)
      if (nameOf(cause) === 'UnsupportedProtocolError') throw new AppError('transient', 'peer.protocol', `the peer does not speak ${protocol}`, { cause })
      throw new AppError('transient', 'peer.unreachable', `no way to ${peer.key.slice(0, 8)}`, { cause })
    }
  }

  async handle(protocol: string, handler: StreamHandler, signal: AbortSignal): Promise<void> {
    const onStream = async (stream: Stream, connection: Connection) => {
      const remote = peerKeyOf(connection.remotePeer)
      try {
        if (remote === undefined) throw new AppError('denied', 'peer.key', 'only Ed25519 peers are served')
        await handler(connection.limits === undefined ? byteStream(stream) : this.lanes.stream(stream, connection, remote), remote)
      } catch (error) {
        this.init.log('debug', 'a stream ended with an error', { protocol }, error)
        stream.abort(error instanceof Error ? error : new AppError('bug', 'unexpected', String(error)))
      }
    }
    const options = { maxInboundStreams: MAX_STREAMS, maxOutboundStreams: MAX_STREAMS, runOnLimitedConnection: true }
    await this.init.node.handle(protocol, onStream, options)
    signal.addEventListener('abort', () => void this.init.node.unhandle(protocol).catch(() => undefined), { once: true })
  }

  findHosts(options: { signal?: AbortSignal } = {}): AsyncIterable<PeerHint> {
    return this.init.directory.find(options.signal ?? new AbortController().signal)
  }

  announce(signal: AbortSignal): Promise<void> {
    return this.init.directory.announce(signal)
  }

  async close(): Promise<void> {
    this.init.keeper.close()
    this.init.directory.close()
    await this.init.node.stop()
    this.care.close()
  }

  private async openStream(hint: PeerHint, protocol: string, signal: AbortSignal | undefined): Promise<ByteStream> {
    const peer = peerIdOf(hint.key)
    const open = this.init.node.getConnections(peer).find(direct)
    if (open !== undefined) {
      try {
        return byteStream(await negotiate(open, protocol, signal))
      } catch (error) {
        // A refusal says that the connection works. After anything else all connections to that peer are suspect: stale ones pile up.
        if (signal?.aborted === true || REFUSALS.has(nameOf(error))) throw error
        for (const stale of this.init.node.getConnections(peer)) stale.abort(new AppError('transient', 'stream.lost', 'the connection was dead'))
      }
    }
    const early = this.lanes.failedLately(hint.key) ? await this.earlyLane(hint, protocol, signal) : undefined
    if (early !== undefined) return early
    const way = await this.directOrLane(hint, protocol, signal)
    return 'remotePeer' in way ? byteStream(await negotiate(way, protocol, signal)) : way
  }

  /** A direct connection, or a stream over a relay when there is none, or none in time. A direct one that comes later ends the lane. */
  private async directOrLane(hint: PeerHint, protocol: string, signal: AbortSignal | undefined): Promise<Connection | ByteStream> {
    const peer = peerIdOf(hint.key)
    const seen: Multiaddr[] = []
    const trying = new AbortController()
    const stop = () => trying.abort()
    signal?.addEventListener('abort', stop, { once: true })
    const connecting = this.connect(peer, hint.addresses, seen, trying.signal)
    const ways = [() => connecting, (limit: AbortSignal) => this.laneBeside(connecting, hint.key, seen, protocol, limit)]
    try {
      const way = await firstOf<Connection | ByteStream>(ways, (limit) => this.init.clock.sleep(LANE_AFTER_MS, limit), trying.signal)
      this.lanes.noteDirect(hint.key, 'remotePeer' in way)
      if (!('remotePeer' in way)) void connecting.then(() => this.leaveLane(hint.key), (error: unknown) => this.init.log('debug', 'no direct way to a peer', {}, error))
      return way
    } catch (error) {
      throwIfAborted(signal)
      this.lanes.noteDirect(hint.key, false)
      throw error instanceof AggregateError ? error.errors.at(-1) : error
    } finally {
      signal?.removeEventListener('abort', stop)
    }
  }

  /** The lane, by what is known of the peer by now, and once more when the search for a direct way has brought more. */
  private async laneBeside(
    connecting: Promise<unknown>,
    key: PeerKey,
    seen: readonly Multiaddr[],
    protocol: string,
    signal: AbortSignal,
  ): Promise<ByteStream> {
    const known = seen.length
    try {
      return await this.openLane(key, seen, protocol, signal)
    } catch (error) {
      await connecting.catch(() => undefined)
      throwIfAborted(signal)
      if (seen.length === known) throw error
      return await this.openLane(key, seen, protocol, signal)
    }
  }

  /** A direct way was found after all: who uses the lane opens its streams anew. */
  private leaveLane(key: PeerKey): void {
    this.lanes.noteDirect(key, true)
    const relayed = this.init.node.getConnections(peerIdOf(key)).filter((connection) => connection.limits !== undefined)
    for (const connection of relayed) connection.abort(new AppError('transient', 'stream.lost', 'a direct way was found'))
  }

  /** The lane before anything else, by the addresses that are at hand; `undefined` when it leads nowhere. */
  private async earlyLane(hint: PeerHint, protocol: string, signal: AbortSignal | undefined): Promise<ByteStream | undefined> {
    const peer = peerIdOf(hint.key)
    try {
      const stored = await this.stored(peer)
      return await this.openLane(hint.key, [...parseAddresses(hint.addresses, peer), ...stored], protocol, signal)
    } catch (error) {
      throwIfAborted(signal)
      if (nameOf(error) === 'UnsupportedProtocolError') throw error
      return undefined
    }
  }

  /** A stream over a relay, through the first of `addresses` that works. */
  private async openLane(key: PeerKey, addresses: readonly Multiaddr[], protocol: string, signal: AbortSignal | undefined): Promise<ByteStream> {
    const peer = peerIdOf(key)
    const { node } = this.init
    const options = { signal: within(LANE_WITHIN_MS, signal), maxOutboundStreams: MAX_STREAMS, runOnLimitedConnection: true }
    const open = node.getConnections(peer).find((connection) => this.lanes.usable(connection))
    if (open !== undefined) {
      try {
        return this.lanes.stream(await open.newStream(protocol, options), open, key)
      } catch (error) {
        if (signal?.aborted === true || isAppError(error) || REFUSALS.has(nameOf(error))) throw error
        open.abort(new AppError('transient', 'stream.lost', 'the connection was dead'))
      }
    }
    const ways = this.bestFirst(laneAddresses(addresses, peer))
    if (ways.length === 0) throw new AppError('transient', 'peer.unreachable', 'no address of the peer answers')
    const connection = await this.dialInTurn(ways, within(LANE_WITHIN_MS, signal))
    // Its time begins now: that of a stream on a dead connection may be over.
    const stream = await connection.newStream(protocol, { ...options, signal: within(LANE_WITHIN_MS, signal) })
    return direct(connection) ? byteStream(stream) : this.lanes.stream(stream, connection, key)
  }

  /** Tries the addresses given, those known from before, and those the DHT knows, each once. `seen` gets them all. */
  private async connect(peer: PeerId, texts: readonly string[], seen: Multiaddr[], signal: AbortSignal | undefined): Promise<Connection> {
    const tried = new Set<string>()
    let failure: unknown
    for await (const addresses of this.addresses(peer, texts, signal)) {
      const fresh = addresses.filter((address) => !tried.has(address.toString()))
      for (const address of fresh) tried.add(address.toString())
      seen.push(...fresh)
      const direct = fresh.filter(carriesStreams)
      if (direct.length === 0) continue
      try {
        return await this.dial(direct, within(DIAL_WITHIN_MS, signal))
      } catch (error) {
        failure = error
      }
      throwIfAborted(signal)
    }
    await routingTable(this.init.node.services.dht).remove(peer).catch(() => undefined)
    throw new AppError('transient', 'peer.unreachable', 'no address of the peer answers', { cause: failure })
  }

  /** All ways at once, each a little after the one before: whichever works first. */
  private async dial(addresses: readonly Multiaddr[], signal: AbortSignal): Promise<Connection> {
    const { node, clock } = this.init
    const [first = [], ...others] = waysOf(this.bestFirst(addresses))
    const queued = async (limit: AbortSignal) => mustBeDirect(await node.dial(first, { signal: limit }))
    const beside = others.map((way) => async (limit: AbortSignal) => mustBeDirect(await this.dialInTurn(way, limit)))
    return firstOf([queued, ...beside], (limit) => clock.sleep(HEAD_START_MS, limit), signal)
  }

  /** Beside the queue of libp2p, which would join this to the dial of the peer's other addresses, and do one after the other. */
  private async dialInTurn(addresses: readonly Multiaddr[], signal: AbortSignal): Promise<Connection> {
    const failures: unknown[] = []
    for (const address of addresses) {
      if (signal.aborted) break
      try {
        return await this.init.node.services.dialler.dial(address, { signal: within(ADDRESS_DIAL_TIMEOUT_MS, signal) })
      } catch (error) {
        failures.push(error)
      }
    }
    throw new AppError('transient', 'peer.unreachable', 'none of these addresses leads to the peer', { cause: failures.at(-1) })
  }

  /** Best first, and what needs a relay that is not there last. */
  private bestFirst(addresses: readonly Multiaddr[]): Multiaddr[] {
    const connected = new Set(this.init.node.getPeers().map((peer) => peer.toString()))
    const sorted = addresses.map((multiaddr) => ({ multiaddr, isCertified: false })).sort(byReach)
    return deadRelaysLast(sorted.map(({ multiaddr }) => multiaddr), (relay) => connected.has(relay))
  }

  private async *addresses(peer: PeerId, texts: readonly string[], signal: AbortSignal | undefined): AsyncIterable<Multiaddr[]> {
    yield parseAddresses(texts, peer)
    yield await this.stored(peer)
    const limit = within(LOOKUP_WITHIN_MS, signal)
    for await (const event of eventsUntil(this.init.node.services.dht.findPeer(peer, { signal: limit }), limit)) {
      const infos = event.name === 'PEER_RESPONSE' ? event.closer : event.name === 'FINAL_PEER' ? [event.peer] : []
      const about = infos.find(({ id }) => id.equals(peer))
      if (about !== undefined) yield parseAddresses(about.multiaddrs.map((address) => address.toString()), peer)
    }
  }

  /** Addresses from before. */
  private async stored(peer: PeerId): Promise<Multiaddr[]> {
    const known = await this.init.node.peerStore.get(peer).catch(() => undefined)
    return parseAddresses(known?.addresses.map(({ multiaddr }) => multiaddr.toString()) ?? [], peer)
  }
}

/** Names of libp2p's errors after which the connection is as good as before. */
const REFUSALS: ReadonlySet<string> = new Set(['UnsupportedProtocolError', 'TooManyOutboundProtocolStreamsError', 'StreamResetError'])

function negotiate(connection: Connection, protocol: string, signal: AbortSignal | undefined): Promise<Stream> {
  return connection.newStream(protocol, { signal: within(NEGOTIATE_WITHIN_MS, signal), maxOutboundStreams: MAX_STREAMS })
}

function mustBeDirect(connection: Connection): Connection {
  if (direct(connection)) return connection
  throw new AppError('transient', 'peer.unreachable', 'the connection is gone, or runs over a relay')
}

/** A relayed connection has limits, and carries signalling and little else. */
function direct(connection: Connection): boolean {
  return connection.status === 'open' && connection.limits === undefined
}

function within(ms: number, signal: AbortSignal | undefined): AbortSignal {
  return signal === undefined ? AbortSignal.timeout(ms) : AbortSignal.any([signal, AbortSignal.timeout(ms)])
}

/** Name of anything that was thrown: a browser's WebSocket throws DOM events. */
function nameOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'name' in error && typeof error.name === 'string' ? error.name : ''
}
