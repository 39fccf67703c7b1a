import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { MemoryDatastore } from 'datastore-core'
import { createLibp2p } from 'libp2p'
import { nodeOptions, peerServices, shoalCircuits, type PeerNode, type Transports } from './assembly.ts'
import { privateKeyFromSeed } from './identity.ts'
import { assemblePeer, type Peer, type PeerInit } from './peer.ts'
import { RecordStore } from './record-store.ts'
import type { IceServer } from './relay-info.ts'
import { shoalWebSockets } from './web-sockets.ts'

/** Connections of a tab: memory and handshakes of a phone. */
const MAX_CONNECTIONS = 100
/** All that comes in comes through a few relays, which count as few IP addresses. */
const INBOUND_PER_SECOND = 20
/** Relays to keep a reservation at, where there are as many: others reach a tab only through one, and one may go away. */
const RESERVATIONS = 2

/** What a tab that serves the DHT keeps for others in memory: 20 MB of records at most. They are published again, so they need not outlive it. */
const MAX_RECORDS = 2000
const MAX_PROVIDERS = 20_000
/** Peers that a tab remembers beside providers, more than its table of the DHT holds (1,280): strangers write up to 16 KiB about each, 32 MB at most. */
const MAX_PEERS = 2000

export interface BrowserPeerInit extends PeerInit {
  /** 32 bytes, the same at every start: relays and hosts know a peer by its key. */
  readonly seed: Uint8Array
  /** WebRTC, where this realm has it (`shoalWebRtc`); then other peers can reach this one, too. */
  readonly webRtc?: (iceServers: () => Promise<readonly IceServer[]>) => Transports[number]
}

/** Starts libp2p as a tab runs it: asks the DHT, does not answer for it, and listens only through relays. Runs in a worker. */
export async function startBrowserPeer(init: BrowserPeerInit): Promise<Peer> {
  const privateKey = await privateKeyFromSeed(init.seed)
  const self = peerIdFromPrivateKey(privateKey).toString()
  const datastore = await RecordStore.open({
    inner: new MemoryDatastore(),
    clock: init.clock,
    self,
    maxRecords: MAX_RECORDS,
    maxProviders: MAX_PROVIDERS,
    maxPeers: MAX_PEERS,
  })
  const { webRtc } = init
  let iceServers: () => Promise<readonly IceServer[]> = () => Promise.resolve([])
  const options = nodeOptions({
    privateKey,
    datastore,
    transports: [shoalWebSockets(), shoalCircuits(), ...(webRtc === undefined ? [] : [webRtc(() => iceServers())])],
    // One entry per wanted relay, none of them named: a named one is never reserved again once it was lost.
    listen: [...Array.from({ length: RESERVATIONS }, () => '/p2p-circuit'), ...(webRtc === undefined ? [] : ['/webrtc'])],
    maxConnections: MAX_CONNECTIONS,
    inboundPerSecond: INBOUND_PER_SECOND,
    inboundPending: INBOUND_PER_SECOND,
  })
  const node: PeerNode = await createLibp2p({ ...options, services: peerServices('client') })
  const peer = assemblePeer(node, privateKey, init)
  iceServers = () => peer.iceServers()
  return peer
}
