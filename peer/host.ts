import type { Ed25519PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { Key, type Datastore } from 'interface-datastore'
import { createLibp2p } from 'libp2p'
import { AppError } from '../core/base/errors.ts'
import { nodeOptions, peerServices, shoalCircuits, type PeerNode, type Transports } from './assembly.ts'
import { privateKeyFromSeed } from './identity.ts'
import { assemblePeer, type Peer, type PeerInit } from './peer.ts'
import { RecordStore, sweepNowAndThen } from './record-store.ts'
import { webSocketAddress } from './relay-info.ts'
import type { IceServer } from './relay-info.ts'
import { shoalWebSockets } from './web-sockets.ts'

/** shard.md 6 serves 512 streams; visitors who only ask come on top. */
const MAX_CONNECTIONS = 1000
/** Behind a proxy or on one machine everybody has one IP address. */
const INBOUND_PER_SECOND = 200
const INBOUND_PENDING = 200
/** Relays to keep a reservation at, where there are as many. */
const RESERVATIONS = 2
/** Where the datastore keeps the port of the last start. */
const PORT_KEY = new Key('/shoal/port')

export interface HostPeerInit extends PeerInit {
  /** 32 bytes, the same at every start. */
  readonly seed: Uint8Array
  readonly datastore: Datastore
  /** IP address and port of the WebSocket; port 0 = the one of the last start, where it is free, else any. */
  readonly listen: string
  readonly port: number
  /** WebRTC (`shoalWebRtc`), where the machine has it: reaches tabs, and is reached behind a NAT. */
  readonly webRtc?: (iceServers: () => Promise<readonly IceServer[]>) => Transports[number]
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
  let iceServers: () => Promise<readonly IceServer[]> = () => Promise.resolve([])
  const node = await startNode({ init, privateKey, datastore, iceServers: () => iceServers() })
  const port = listeningPort(node)
  await datastore.put(PORT_KEY, Uint8Array.of(port >> 8, port & 255))
  const ending = new AbortController()
  void sweepNowAndThen(datastore, init, ending.signal)
  const peer = assemblePeer(node, privateKey, init)
  iceServers = () => peer.iceServers()
  return {
    ...peer,
    node,
    port,
    close: async () => {
      ending.abort()
      await peer.network.close()
    },
  }
}

interface Start {
  readonly init: HostPeerInit
  readonly privateKey: Ed25519PrivateKey
  readonly datastore: Datastore
  readonly iceServers: () => Promise<readonly IceServer[]>
}

/** Links name hosts with their addresses, so a host comes back at the port it had. */
async function startNode(start: Start): Promise<PeerNode> {
  const { init, datastore } = start
  const last = init.port === 0 && (await datastore.has(PORT_KEY)) ? await datastore.get(PORT_KEY) : undefined
  if (last !== undefined) {
    try {
      return await startOn(start, (last[0]! << 8) | last[1]!)
    } catch {
      init.log('info', 'the port of the last start is taken')
    }
  }
  return startOn(start, init.port)
}

async function startOn({ init, privateKey, datastore, iceServers }: Start, port: number): Promise<PeerNode> {
  const { webRtc } = init
  const options = nodeOptions({
    privateKey,
    transports: [shoalWebSockets(), shoalCircuits(), ...(webRtc === undefined ? [] : [webRtc(iceServers)])],
    // One entry per wanted relay, none of them named: a named one is never reserved again once it was lost.
    listen: [webSocketAddress(init.listen, port), ...Array.from({ length: RESERVATIONS }, () => '/p2p-circuit'), ...(webRtc === undefined ? [] : ['/webrtc'])],
    datastore,
    maxConnections: MAX_CONNECTIONS,
    inboundPerSecond: INBOUND_PER_SECOND,
    inboundPending: INBOUND_PENDING,
  })
  const node: PeerNode = await createLibp2p({ ...options, start: false, services: peerServices('server') })
  try {
    await node.start()
    return node
  } catch (cause) {
    await node.stop()
    throw new AppError('invalid', 'port.used', `Port ${port} is in use by another program`, { cause })
  }
}

function listeningPort(node: PeerNode): number {
  const direct = node.getMultiaddrs().find((address) => !address.toString().includes('/p2p-circuit'))
  return Number(direct?.getComponents().find(({ name }) => name === 'tcp')?.value ?? 0)
}
