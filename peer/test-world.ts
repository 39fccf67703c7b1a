import { MemoryDatastore } from 'datastore-core'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { AppError } from '../core/base/errors.ts'
import { nodeOptions, peerServices, shoalCircuits, type PeerNode, type Transports } from './assembly.ts'
import { startBrowserPeer } from './browser.ts'
import { startHostPeer, type HostPeer } from './host.ts'
import { privateKeyFromSeed } from './identity.ts'
import type { Log } from './log.ts'
import type { Peer } from './peer.ts'
import { RELAY_INFO_VERSION, webSocketAddress, type RelayInfo } from './relay-info.ts'
import { startRelayPeer, type RelayPeer } from './relay.ts'
import { systemClock, systemRandom } from './system.ts'
import { shoalWebSockets } from './web-sockets.ts'
import type { Datastore } from 'interface-datastore'

export const log: Log = () => undefined

/** A relay behind an HTTP server of its own, as relay/ runs it, without its files. */
export interface TestRelay {
  readonly url: string
  readonly port: number
  readonly peer: RelayPeer
  stop(): Promise<void>
}

export interface World {
  readonly relay: TestRelay
  readonly signal: AbortSignal
  host(datastore?: Datastore, seed?: Uint8Array): Promise<HostPeer>
  client(relays?: readonly string[]): Promise<Peer>
  close(): Promise<void>
}

export interface TestRelayOptions {
  /** Parts of its relay.json. */
  readonly info?: Partial<RelayInfo>
  /** Relays that it keeps to itself. */
  readonly also?: readonly string[]
  readonly reservationMs?: number
}

export async function startTestRelay(
  port = 0,
  seed = systemRandom.bytes(32),
  datastore: Datastore = new MemoryDatastore(),
  { info = {}, ...more }: TestRelayOptions = {},
): Promise<TestRelay> {
  const parts: { peer?: RelayPeer } = {}
  const server = createServer((_request, response) => {
    const { port: own } = server.address() as AddressInfo
    response.end(JSON.stringify({ peer: parts.peer?.peer, addresses: [webSocketAddress('127.0.0.1', own)], stun: [], version: RELAY_INFO_VERSION, ...info }))
  })
  server.on('upgrade', (request, socket, head: Buffer) => parts.peer?.takeSocket(request, socket, head))
  await listen(server, port)
  const { port: own } = server.address() as AddressInfo
  const peer = await startRelayPeer({ seed, datastore, clock: systemClock, random: systemRandom, log, announce: [webSocketAddress('127.0.0.1', own)], ...more })
  parts.peer = peer
  return {
    url: `http://127.0.0.1:${own}`,
    port: own,
    peer,
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      await peer.close()
      server.closeAllConnections()
      await closed
    },
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve) => server.listen(port, '127.0.0.1', resolve))
}

export async function makeWorld(): Promise<World> {
  const ending = new AbortController()
  const relay = await startTestRelay()
  const closing: (() => Promise<void>)[] = []
  const common = { relays: [relay.url], clock: systemClock, random: systemRandom, log }
  return {
    relay,
    signal: ending.signal,
    host: async (datastore = new MemoryDatastore(), seed = systemRandom.bytes(32)) => {
      const host = await startHostPeer({ ...common, seed, datastore, listen: '127.0.0.1', port: 0 })
      closing.push(() => host.close())
      return host
    },
    client: async (relays = [relay.url]) => {
      const client = await startBrowserPeer({ ...common, relays, seed: systemRandom.bytes(32) })
      closing.push(() => client.network.close())
      return client
    },
    close: async () => {
      ending.abort()
      await Promise.all(closing.map((close) => close()))
      await relay.stop()
    },
  }
}

export async function collect<T>(source: Iterable<T> | AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of source) all.push(item)
  return all
}

/** libp2p alone, as a browser has it. It does not dial addresses that begin with `without`, as if a NAT were in front of them. */
export async function bareNode({ transports = [], without }: { transports?: Transports; without?: string } = {}): Promise<PeerNode> {
  const options = nodeOptions({
    privateKey: await privateKeyFromSeed(systemRandom.bytes(32)),
    transports: [shoalWebSockets(), shoalCircuits(), ...transports],
    listen: ['/p2p-circuit'],
    maxConnections: 50,
    inboundPerSecond: 20,
    inboundPending: 20,
  })
  const denyDialMultiaddr = (address: Multiaddr) => without !== undefined && address.toString().startsWith(without)
  return createLibp2p({ ...options, connectionGater: { denyDialMultiaddr }, services: peerServices('client') })
}

/** Dials a multiaddr and measures a round trip, in milliseconds. */
export async function pingAt(address: string): Promise<number> {
  const node = await bareNode()
  try {
    return await pingOver(node, address)
  } finally {
    await node.stop()
  }
}

/** The same with a node that keeps the connection. Throws when another connection to that peer was there, or came first. */
export async function pingOver(node: PeerNode, address: string): Promise<number> {
  const { remoteAddr, remotePeer } = await node.dial(multiaddr(address))
  if (remoteAddr.toString() !== address) throw new AppError('bug', 'test.address', `${remoteAddr.toString()} is not ${address}`)
  return node.services.ping.ping(remotePeer)
}

/** Resolves once `condition` holds; the test's own time limit ends the wait. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await systemClock.sleep(20)
}
