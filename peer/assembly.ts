import { circuitRelayTransport, type CircuitRelayService } from '@libp2p/circuit-relay-v2'
import { identify, identifyPush, type Identify, type IdentifyPush } from '@libp2p/identify'
import type { Address, Ed25519PrivateKey, Libp2p } from '@libp2p/interface'
import type { KadDHT } from '@libp2p/kad-dht'
import { noise } from '@libp2p/noise'
import { ping, type Ping } from '@libp2p/ping'
import { yamux } from '@libp2p/yamux'
import type { Datastore } from 'interface-datastore'
import type { Libp2pOptions } from 'libp2p'
import { shoalDht } from './dht.ts'
import { carriesStreams } from './identity.ts'
import { dialler, type Dialler } from './ways.ts'

// Types, not interfaces: libp2p asks for an index signature, which only a type has by itself.
export type PeerServices = { identify: Identify; push: IdentifyPush; ping: Ping; dht: KadDHT; dialler: Dialler }
export type RelayServices = PeerServices & { relay: CircuitRelayService }
export type PeerNode = Libp2p<PeerServices>
export type RelayNode = Libp2p<RelayServices>
export type Transports = NonNullable<Libp2pOptions['transports']>

export interface NodeInit {
  readonly privateKey: Ed25519PrivateKey
  readonly transports: Transports
  /** Multiaddrs to listen on, and to announce instead of those. */
  readonly listen: readonly string[]
  readonly announce?: readonly string[]
  readonly datastore?: Datastore
  readonly maxConnections: number
  /** Connections that one IP address may open per second, and handshakes under way at once. */
  readonly inboundPerSecond: number
  readonly inboundPending: number
}

/** A WebRTC handshake through a relay takes seconds, and a tab in the background is slow; the library gives up after 6. */
const DIAL_TIMEOUT_MS = 20_000
export const ADDRESS_DIAL_TIMEOUT_MS = 15_000
const UPGRADE_TIMEOUT_MS = 20_000
/** Dials under way at once: those of one search (core/flows/hosts/dials.ts), most of which wait for somebody who is gone, and those of the DHT. */
const MAX_PARALLEL_DIALS = 64
/**
 * The library's monitor opens a stream on every connection now and then, and cuts off those that are busy. Not here: WebRTC tells by itself that the other
 * side is gone (RFC 7675), a relay is asked by its keeper (relay-keeper.ts), and every request has a time limit.
 */
const MONITOR = { enabled: false }
/** What a paused reader must hold at most: less than the 4 MiB at which libp2p resets a stream. Without this yamux grows to 16 MiB. */
const MAX_STREAM_WINDOW = 2 * 1024 * 1024
/**
 * Pings at once on one connection. The library's default of 1 lets the ping that the DHT sends before it takes a peer into its routing table trip over
 * any other, such as the relay keeper's; the DHT does not try again, and that peer is never asked.
 */
const PINGS = { maxOutboundStreams: 8, maxInboundStreams: 8 }
const HOUR = 3_600_000
/** Addresses must outlive the provider records that lead to them (70 min), and a host that is away for a night. */
const PEER_STORE = { maxAddressAge: 6 * HOUR, maxPeerAge: 72 * HOUR }

/**
 * Dialling through relays, and reservations at those that the relay keeper connects to. The transport by itself would look for relays by
 * random walks through the DHT for as long as it has fewer than it wants: with nobody to ask that blocks the event loop for good, and with
 * somebody it dials the whole swarm.
 */
export function shoalCircuits(): Transports[number] {
  const none = { walk: noWalk }
  const factory = circuitRelayTransport()
  return (components) =>
    factory(new Proxy(components, { get: (target, name) => (name === 'randomWalk' ? none : (Reflect.get(target, name) as unknown)) }))
}

/** A walk that meets nobody. */
async function* noWalk(): AsyncGenerator<never> {
  yield* []
}

/** The services that every peer has; `mode` is its role in the DHT. */
export function peerServices(mode: 'client' | 'server'): {
  identify: ReturnType<typeof identify>
  push: ReturnType<typeof identifyPush>
  ping: ReturnType<typeof ping>
  dht: ReturnType<typeof shoalDht>
  dialler: ReturnType<typeof dialler>
} {
  // Without pushes nobody learns of addresses and protocols that a peer gets after it has connected: a tab's reservation, or that it now serves the DHT.
  return { identify: identify(), push: identifyPush(), ping: ping(PINGS), dht: shoalDht(mode), dialler: dialler() }
}

/** Best address first: public or LAN, this machine, through a relay, and last those that only signal. */
export function byReach(a: Address, b: Address): -1 | 0 | 1 {
  return Math.sign(reach(a) - reach(b)) as -1 | 0 | 1
}

/** The library puts any public address first, so a relay's would win over a host's own, and carry nothing of ours. */
function reach({ multiaddr }: Address): number {
  if (!carriesStreams(multiaddr)) return 3
  const text = multiaddr.toString()
  if (text.includes('/p2p-circuit')) return 2
  return /^\/(ip4\/127\.|ip6\/::1\/|dns[46]?\/localhost\/)/.test(text) ? 1 : 0
}

/** The libp2p options that every peer of Shoal shares. */
export function nodeOptions(init: NodeInit): Omit<Libp2pOptions, 'services'> {
  return {
    privateKey: init.privateKey,
    addresses: { listen: [...init.listen], ...(init.announce === undefined ? {} : { announce: [...init.announce] }) },
    transports: init.transports,
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ streamOptions: { maxStreamWindowSize: MAX_STREAM_WINDOW } })],
    // The browser's default denies ws:// and private addresses, and with them every local relay and host. What a page may reach is for the browser to say.
    connectionGater: { denyDialMultiaddr: () => false },
    connectionManager: {
      maxConnections: init.maxConnections,
      addressSorter: byReach,
      maxParallelDials: MAX_PARALLEL_DIALS,
      dialTimeout: DIAL_TIMEOUT_MS,
      addressDialTimeout: ADDRESS_DIAL_TIMEOUT_MS,
      inboundUpgradeTimeout: UPGRADE_TIMEOUT_MS,
      inboundConnectionThreshold: init.inboundPerSecond,
      maxIncomingPendingConnections: init.inboundPending,
      // Reconnecting is the relay keeper's; the library's own gives up at the first DOM event that a browser rejects with.
      reconnectRetries: 0,
    },
    connectionMonitor: MONITOR,
    peerStore: PEER_STORE,
    ...(init.datastore === undefined ? {} : { datastore: init.datastore }),
  }
}
