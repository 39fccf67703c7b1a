import type { Connection, PeerId, Stream } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { AppError, throwIfAborted } from '../core/base/errors.ts'
import type { ByteStream, Network, NetworkState, PeerHint, PeerKey, StreamHandler } from '../core/ports/network.ts'
import type { PeerNode } from './assembly.ts'
import { byteStream } from './byte-stream.ts'
import { eventsUntil, routingTable } from './dht.ts'
import type { HostDirectory } from './host-directory.ts'
import { carriesStreams, parseAddresses, peerIdOf, peerKeyOf } from './identity.ts'
import type { Log } from './log.ts'
import type { RelayKeeper } from './relay-keeper.ts'

/** Streams of one protocol per connection: 4 are allowed (shard.md 6), and old ones may still be closing. */
const MAX_STREAMS = 16
/** How long the other side may take to agree on a protocol, over a connection that may be dead already. */
const NEGOTIATE_WITHIN_MS = 15_000
const DIAL_WITHIN_MS = 20_000
/** How long to ask the DHT where a peer is now. */
const LOOKUP_WITHIN_MS = 10_000
/** A peer that went away and comes back within this keeps its place in the routing table. */
const GRACE_MS = 10_000

export interface NetworkInit {
  readonly node: PeerNode
  readonly self: PeerKey
  readonly keeper: RelayKeeper
  readonly directory: HostDirectory
  readonly log: Log
}

/** libp2p as the rest of Shoal sees it. */
export class Libp2pNetwork implements Network {
  readonly self: PeerKey
  private readonly init: NetworkInit
  private readonly listeners = new Set<() => void>()
  private readonly graces = new Map<string, ReturnType<typeof setTimeout>>()

  constructor(init: NetworkInit) {
    this.init = init
    this.self = init.self
    for (const type of ['connection:open', 'connection:close'] as const) init.node.addEventListener(type, () => this.changed())
    init.node.addEventListener('peer:disconnect', ({ detail }) => this.forgetLater(detail))
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
    return { peers: [...peers], relays: this.init.keeper.relays() }
  }

  watch(listener: () => void, signal: AbortSignal): void {
    if (signal.aborted) return
    this.listeners.add(listener)
    signal.addEventListener('abort', () => this.listeners.delete(listener), { once: true })
  }

  async open(peer: PeerHint, protocol: string, options: { signal?: AbortSignal } = {}): Promise<ByteStream> {
    const { signal } = options
    throwIfAborted(signal)
    const id = peerIdOf(peer.key)
    try {
      return byteStream(await this.openStream(id, peer.addresses, protocol, signal))
    } catch (cause) {
      throwIfAborted(signal)
      if (nameOf(cause) === 'UnsupportedProtocolError') throw new AppError('transient', 'peer.protocol', `the peer does not speak ${protocol}`, { cause })
      throw new AppError('transient', 'peer.unreachable', `no way to ${peer.key.slice(0, 8)}`, { cause })
    }
  }

  async handle(protocol: string, handler: StreamHandler, signal: AbortSignal): Promise<void> {
    const onStream = async (stream: Stream, connection: Connection) => {
      const remote = peerKeyOf(connection.remotePeer)
      const bytes = byteStream(stream)
      try {
        if (remote === undefined) throw new AppError('denied', 'peer.key', 'only Ed25519 peers are served')
        await handler(bytes, remote)
      } catch (error) {
        this.init.log('debug', 'a stream ended with an error', { protocol }, error)
        bytes.abort(error instanceof Error ? error : new AppError('bug', 'unexpected', String(error)))
      }
    }
    await this.init.node.handle(protocol, onStream, { maxInboundStreams: MAX_STREAMS, maxOutboundStreams: MAX_STREAMS })
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
    await this.init.node.stop()
    // Last, since every connection that ends with the node sets one.
    for (const timer of this.graces.values()) clearTimeout(timer)
  }

  private async openStream(peer: PeerId, addresses: readonly string[], protocol: string, signal: AbortSignal | undefined): Promise<Stream> {
    const open = this.init.node.getConnections(peer).find(direct)
    if (open !== undefined) {
      try {
        return await negotiate(open, protocol, signal)
      } catch (error) {
        // A refusal says that the connection works. After anything else all connections to that peer are suspect: stale ones pile up.
        if (signal?.aborted === true || REFUSALS.has(nameOf(error))) throw error
        for (const stale of this.init.node.getConnections(peer)) stale.abort(new AppError('transient', 'stream.lost', 'the connection was dead'))
      }
    }
    return negotiate(await this.connect(peer, addresses, signal), protocol, signal)
  }

  /** Tries the addresses given, those known from before, and those the DHT knows, each once. */
  private async connect(peer: PeerId, texts: readonly string[], signal: AbortSignal | undefined): Promise<Connection> {
    const tried = new Set<string>()
    let failure: unknown
    for await (const addresses of this.addresses(peer, texts, signal)) {
      const fresh = addresses.filter((address) => carriesStreams(address) && !tried.has(address.toString()))
      for (const address of fresh) tried.add(address.toString())
      if (fresh.length === 0) continue
      try {
        const connection = await this.init.node.dial(fresh, { signal: within(DIAL_WITHIN_MS, signal) })
        if (direct(connection)) return connection
      } catch (error) {
        failure = error
      }
      throwIfAborted(signal)
    }
    await routingTable(this.init.node.services.dht).remove(peer).catch(() => undefined)
    throw new AppError('transient', 'peer.unreachable', 'no address of the peer answers', { cause: failure })
  }

  private async *addresses(peer: PeerId, texts: readonly string[], signal: AbortSignal | undefined): AsyncIterable<Multiaddr[]> {
    yield parseAddresses(texts, peer)
    const known = await this.init.node.peerStore.get(peer).catch(() => undefined)
    if (known !== undefined) {
      const stored = known.addresses.map(({ multiaddr }) => multiaddr.toString())
      yield parseAddresses(stored, peer)
    }
    const limit = within(LOOKUP_WITHIN_MS, signal)
    for await (const event of eventsUntil(this.init.node.services.dht.findPeer(peer, { signal: limit }), limit)) {
      const infos = event.name === 'PEER_RESPONSE' ? event.closer : event.name === 'FINAL_PEER' ? [event.peer] : []
      const about = infos.find(({ id }) => id.equals(peer))
      if (about !== undefined) yield parseAddresses(about.multiaddrs.map((address) => address.toString()), peer)
    }
  }

  /** kad-dht keeps the dead in its routing table until a bucket is full, and dials them for every look-up. */
  private forgetLater(peer: PeerId): void {
    const name = peer.toString()
    clearTimeout(this.graces.get(name))
    const forget = () => {
      this.graces.delete(name)
      if (this.init.node.getConnections(peer).length > 0) return
      void routingTable(this.init.node.services.dht).remove(peer).catch(() => undefined)
    }
    this.graces.set(name, setTimeout(forget, GRACE_MS))
  }
}

/** Names of libp2p's errors after which the connection is as good as before. */
const REFUSALS: ReadonlySet<string> = new Set(['UnsupportedProtocolError', 'TooManyOutboundProtocolStreamsError', 'StreamResetError'])

function negotiate(connection: Connection, protocol: string, signal: AbortSignal | undefined): Promise<Stream> {
  return connection.newStream(protocol, { signal: within(NEGOTIATE_WITHIN_MS, signal), maxOutboundStreams: MAX_STREAMS })
}

/** A relayed connection has limits, and carries signalling only. */
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
