import { circuitRelayServer, type CircuitRelayService } from '@libp2p/circuit-relay-v2'
import type { Ed25519PrivateKey, Listener, PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import type { Datastore } from 'interface-datastore'
import { createLibp2p } from 'libp2p'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Clock, Random } from '../core/ports/clock.ts'
import { nodeOptions, peerServices, type RelayNode } from './assembly.ts'
import { privateKeyFromSeed } from './identity.ts'
import { endLeftBehind } from './left-behind.ts'
import type { Log } from './log.ts'
import { RecordStore, sweepNowAndThen } from './record-store.ts'
import { RelayKeeper } from './relay-keeper.ts'
import { LaneQuotas, limitLanes } from './relay-quota.ts'
import { TableCare } from './table-care.ts'
import { changed, shoalWebSockets } from './web-sockets.ts'

const DAY = 86_400_000
/** Peers that may be reached through this relay. Each costs one idle connection, about 100 KiB. */
export const MAX_RESERVATIONS = 4096
/** Reservations, and as many visitors who only ask. */
const MAX_CONNECTIONS = 2 * MAX_RESERVATIONS
/** Behind a proxy everybody has one IP address. Real limits per address are the proxy's. */
const INBOUND_PER_SECOND = 500
const INBOUND_PENDING = 500
/** Long enough that refreshing, which loses reservations, hardly ever happens; under the 24 days that a timer can wait. */
const RESERVATION_TTL_MS = 7 * DAY
/** What a relayed connection may carry (relay.md 3). With no limit it would count as a direct one, and never become one. */
const RELAYED_BYTES = 1024n * 1024n
const RELAYED_MS = 120_000

/** libp2p's WebSocket listener, as far as we hand it sockets that another server accepted. */
interface UpgradingListener extends Listener {
  onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
}

export interface RelayPeerInit {
  readonly seed: Uint8Array
  readonly datastore: Datastore
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Multiaddrs under which others reach this relay. */
  readonly announce: readonly string[]
  /** Origins of further relays to be connected with. Errors of `RelayKeeper.setRelays`. */
  readonly also?: readonly string[]
  /** How long a reservation lasts, for tests. */
  readonly reservationMs?: number
}

export interface RelayPeer {
  readonly node: RelayNode
  /** libp2p name. */
  readonly peer: string
  /** Takes over a WebSocket that another HTTP server accepted. */
  readonly takeSocket: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  close(): Promise<void>
}

/** Starts a relay: circuit relay v2 with limits, DHT server, no keys but its own. Its own WebSocket listens on a loopback port that nobody is told of. */
export async function startRelayPeer(init: RelayPeerInit): Promise<RelayPeer> {
  const privateKey = await privateKeyFromSeed(init.seed)
  const peer = peerIdFromPrivateKey(privateKey)
  const datastore = await RecordStore.open({ inner: init.datastore, clock: init.clock, self: peer.toString() })
  const { node, listener } = await startNode(init, privateKey, datastore)
  const { relay } = node.services
  // The relay frees the slots of those who left only when their time is over: a week in which nobody else gets them.
  node.addEventListener('peer:disconnect', ({ detail }) => release(relay, detail))
  endLeftBehind(node, init.log)
  const keeper = new RelayKeeper({ node, clock: init.clock, random: init.random, log: init.log, onChange: () => undefined })
  keeper.setRelays(init.also ?? [])
  const care = new TableCare(node)
  const ending = new AbortController()
  void sweepNowAndThen(datastore, init, ending.signal)
  return {
    node,
    peer: peer.toString(),
    takeSocket: (request, socket, head) => listener.onUpgrade(request, socket, head),
    close: async () => {
      ending.abort()
      keeper.close()
      for (const { signal } of relay.reservations.values()) signal.clear()
      await node.stop()
      care.close()
    },
  }
}

async function startNode(init: RelayPeerInit, privateKey: Ed25519PrivateKey, datastore: Datastore): Promise<{ node: RelayNode; listener: UpgradingListener }> {
  const listeners: Listener[] = []
  const options = nodeOptions({
    privateKey,
    transports: [shoalWebSockets((listener) => listeners.push(listener))],
    listen: ['/ip4/127.0.0.1/tcp/0/ws'],
    announce: init.announce,
    datastore,
    maxConnections: MAX_CONNECTIONS,
    inboundPerSecond: INBOUND_PER_SECOND,
    inboundPending: INBOUND_PENDING,
  })
  const relay = circuitRelayServer({
    maxInboundHopStreams: MAX_CONNECTIONS,
    maxOutboundStopStreams: MAX_CONNECTIONS,
    reservations: {
      maxReservations: MAX_RESERVATIONS,
      reservationTtl: init.reservationMs ?? RESERVATION_TTL_MS,
      defaultDataLimit: RELAYED_BYTES,
      defaultDurationLimit: RELAYED_MS,
    },
  })
  const quotas = new LaneQuotas(init.clock)
  const parts: { node?: RelayNode } = {}
  const connectionGater = {
    ...options.connectionGater,
    denyOutboundRelayedConnection: (source: PeerId) => !quotas.connect(source.toString()),
    // Refreshing twice loses a reservation (retimeable-signal 1.0.1 lets the end of the first refresh stand), so each is made anew.
    denyInboundRelayReservation: (source: PeerId) => {
      if (parts.node !== undefined) release(parts.node.services.relay, source)
      return false
    },
  }
  const node: RelayNode = await createLibp2p({ ...options, connectionGater, start: false, services: { ...peerServices('server'), relay } })
  parts.node = node
  limitLanes(node.services.relay, quotas)
  await node.start()
  const [listener] = listeners
  if (listener === undefined || !isUpgrading(listener)) throw changed()
  return { node, listener }
}

function isUpgrading(listener: Listener): listener is UpgradingListener {
  return 'onUpgrade' in listener
}

/** Ends the reservation of `peer`, if it has one. */
function release({ reservations }: CircuitRelayService, peer: PeerId): void {
  reservations.get(peer)?.signal.clear()
  reservations.delete(peer)
}
