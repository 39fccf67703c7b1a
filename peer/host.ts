import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import type { Datastore } from 'interface-datastore'
import { createLibp2p } from 'libp2p'
import { AppError } from '../core/base/errors.ts'
import { nodeOptions, peerServices, shoalCircuits, shoalWebSockets, type PeerNode, type Transports } from './assembly.ts'
import { privateKeyFromSeed } from './identity.ts'
import { assemblePeer, type Peer, type PeerInit } from './peer.ts'
import { RecordStore, sweepNowAndThen } from './record-store.ts'
import { webSocketAddress } from './relay-info.ts'

/** shard.md 6 serves 512 streams; visitors who only ask come on top. */
const MAX_CONNECTIONS = 1000
/** Behind a proxy or on one machine everybody has one IP address. */
const INBOUND_PER_SECOND = 200
const INBOUND_PENDING = 200

export interface HostPeerInit extends PeerInit {
  /** 32 bytes, the same at every start. */
  readonly seed: Uint8Array
  readonly datastore: Datastore
  /** IP address and port of the WebSocket; port 0 = any free one. */
  readonly listen: string
  readonly port: number
  /** More ways to reach peers than WebSockets and relays. */
  readonly transports?: Transports
}

export interface HostPeer extends Peer {
  readonly node: PeerNode
  /** The port it listens on. */
  readonly port: number
  close(): Promise<void>
}

/** Starts an always-on peer on Node: reached by WebSocket and through its relays, answers for the DHT. Throws `invalid` `port.used`. */
export async function startHostPeer(init: HostPeerInit): Promise<HostPeer> {
  const privateKey = await privateKeyFromSeed(init.seed)
  const self = peerIdFromPrivateKey(privateKey).toString()
  const datastore = await RecordStore.open({ inner: init.datastore, clock: init.clock, self })
  const options = nodeOptions({
    privateKey,
    transports: [shoalWebSockets(), shoalCircuits(), ...(init.transports ?? [])],
    // One entry per wanted relay, none of them named: a named one is never reserved again once it was lost.
    listen: [webSocketAddress(init.listen, init.port), ...init.relays.map(() => '/p2p-circuit')],
    datastore,
    maxConnections: MAX_CONNECTIONS,
    inboundPerSecond: INBOUND_PER_SECOND,
    inboundPending: INBOUND_PENDING,
  })
  const node: PeerNode = await createLibp2p({ ...options, start: false, services: peerServices('server') })
  await startOn(node, init.port)
  const ending = new AbortController()
  void sweepNowAndThen(datastore, init, ending.signal)
  const peer = assemblePeer(node, privateKey, init)
  return {
    ...peer,
    node,
    port: listeningPort(node),
    close: async () => {
      ending.abort()
      await peer.network.close()
    },
  }
}

async function startOn(node: PeerNode, port: number): Promise<void> {
  try {
    await node.start()
  } catch (cause) {
    await node.stop()
    throw new AppError('invalid', 'port.used', `Port ${port} is in use by another program`, { cause })
  }
}

function listeningPort(node: PeerNode): number {
  const direct = node.getMultiaddrs().find((address) => !address.toString().includes('/p2p-circuit'))
  return Number(direct?.getComponents().find(({ name }) => name === 'tcp')?.value ?? 0)
}
