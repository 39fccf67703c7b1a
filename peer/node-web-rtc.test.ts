import { createServer, type AddressInfo, type Socket } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import { MemoryDatastore } from 'datastore-core'
import { RTCPeerConnection } from 'node-datachannel/polyfill'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import type { ByteStream } from '../core/ports/network.ts'
import type { PeerNode } from './assembly.ts'
import { startBrowserPeer } from './browser.ts'
import { byteStream } from './byte-stream.ts'
import { startHostPeer, type HostPeer } from './host.ts'
import { peerIdOf } from './identity.ts'
import type { Log } from './log.ts'
import { nodeWebRtc } from './node-web-rtc.ts'
import { webSocketAddress } from './relay-info.ts'
import { systemClock, systemRandom } from './system.ts'
import { bareNode, log, startTestRelay, until, type TestRelay } from './test-world.ts'

const ECHO = '/shoal/echo/1'

async function echo(stream: ByteStream): Promise<void> {
  for (let part = await stream.read(); part !== null; part = await stream.read()) await stream.write(part)
  await stream.close()
}

async function echoes(stream: ByteStream, bytes: Uint8Array): Promise<void> {
  await stream.write(bytes)
  const received: number[] = []
  while (received.length < bytes.length) {
    const part = await stream.read()
    if (part === null) throw new Error('the stream ended')
    received.push(...part)
  }
  expect(Uint8Array.from(received)).toEqual(bytes)
}

describe('a host on Node with WebRTC', () => {
  const closing: (() => Promise<void>)[] = []
  const ending = new AbortController()
  afterAll(() => ending.abort())
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  async function relay(): Promise<TestRelay> {
    const started = await startTestRelay()
    closing.push(() => started.stop())
    return started
  }

  async function loaded() {
    const webRtc = await nodeWebRtc(log)
    if (webRtc === undefined) throw new Error('this machine has no WebRTC')
    return webRtc
  }

  async function host(relays: readonly TestRelay[]): Promise<HostPeer> {
    const webRtc = await loaded()
    const datastore = new MemoryDatastore()
    const common = { relays: relays.map(({ url }) => url), clock: systemClock, random: systemRandom, log }
    const started = await startHostPeer({ ...common, seed: systemRandom.bytes(32), datastore, listen: '127.0.0.1', port: 0, webRtc })
    closing.push(() => started.close())
    return started
  }

  /** The addresses under which WebRTC reaches a host, once it has a reservation at `count` relays. */
  async function webRtcAddresses(of: HostPeer, count: number): Promise<string[]> {
    const addresses = () => of.node.getMultiaddrs().map(String).filter((address) => address.includes('/p2p-circuit/webrtc'))
    await until(() => addresses().length === count)
    return addresses()
  }

  /** A peer that cannot get at the WebSocket of a host, as if a NAT were in front of it. */
  async function visitor(of: HostPeer): Promise<PeerNode> {
    const node = await bareNode({ transports: [(await loaded())(() => Promise.resolve([]))], without: `/ip4/127.0.0.1/tcp/${of.port}/` })
    closing.push(async () => node.stop())
    return node
  }

  it('is reached through either of its relays when its WebSocket is not, and the stream goes on when both relays are gone', async () => {
    const relays = [await relay(), await relay()]
    const reached = await host(relays)
    await reached.network.handle(ECHO, echo, ending.signal)
    const addresses = await webRtcAddresses(reached, 2)
    const nodes = [await visitor(reached), await visitor(reached)]
    const streams = await Promise.all(nodes.map((node, i) => node.dialProtocol(multiaddr(addresses[i] ?? ''), ECHO).then(byteStream)))
    for (const stream of streams) await echoes(stream, Uint8Array.of(1, 2, 3))

    await Promise.all(relays.map((started) => started.stop()))
    await until(() => [...nodes, reached.node].every((node) => node.getConnections().every(({ limits }) => limits === undefined)))
    for (const node of nodes) expect(node.getConnections().map(({ remoteAddr }) => remoteAddr.toString())).toEqual([expect.stringContaining('/p2p-circuit/webrtc/')])
    for (const stream of streams) {
      await echoes(stream, systemRandom.bytes(3000))
      await stream.close()
      expect(await stream.read()).toBeNull()
    }
  })

  it('reaches a tab, which has no WebSocket at all', async () => {
    const only = await relay()
    const tab = await startBrowserPeer({ relays: [only.url], seed: systemRandom.bytes(32), clock: systemClock, random: systemRandom, log, webRtc: await loaded() })
    closing.push(() => tab.network.close())
    await tab.network.handle(ECHO, echo, ending.signal)
    const from = await host([only])
    const address = `${webSocketAddress('127.0.0.1', only.port)}/p2p/${only.peer.peer}/p2p-circuit/webrtc`
    const to = { key: tab.identity.key, addresses: [address] }
    await until(() => tab.network.state().relays[0]?.connected === true)
    await echoes(await from.network.open(to, ECHO), systemRandom.bytes(3000))
  })

  it('is reached over WebRTC by a tab that hears nothing from its WebSocket', async () => {
    const sockets: Socket[] = []
    const silent = createServer((socket) => sockets.push(socket))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    closing.push(async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => silent.close(resolve))
    })
    const only = await relay()
    const to = await host([only])
    await to.network.handle(ECHO, echo, ending.signal)
    const circuits = await webRtcAddresses(to, 1)
    const tab = await startBrowserPeer({ relays: [only.url], seed: systemRandom.bytes(32), clock: systemClock, random: systemRandom, log, webRtc: await loaded() })
    closing.push(() => tab.network.close())
    const addresses = [webSocketAddress('127.0.0.1', (silent.address() as AddressInfo).port), ...circuits]
    await echoes(await tab.network.open({ key: to.identity.key, addresses }, ECHO), systemRandom.bytes(3000))
    expect(sockets.length).toBeGreaterThan(0)
    // What the relay carried for the signalling has limits.
    const used = to.node.getConnections(peerIdOf(tab.identity.key)).filter(({ limits }) => limits === undefined)
    expect(used.map(({ remoteAddr }) => remoteAddr.toString())).toEqual([expect.stringContaining('/webrtc')])
  })

  it('tells its candidates only once it has the answer, or the other side is faster than the library can bear', async () => {
    await loaded()
    const [from, to] = [new RTCPeerConnection(), new RTCPeerConnection()]
    closing.push(async () => [from, to].forEach((end) => end.close()))
    const candidates: unknown[] = []
    from.onicecandidate = ({ candidate }) => candidates.push(candidate)
    from.createDataChannel('init')
    const offer = (await from.createOffer()) as RTCSessionDescriptionInit
    await from.setLocalDescription(offer)
    await until(() => from.iceGatheringState === 'complete')
    expect(candidates).toEqual([])
    await to.setRemoteDescription(offer)
    await from.setRemoteDescription((await to.createAnswer()) as RTCSessionDescriptionInit)
    expect(candidates.length).toBeGreaterThan(0)
  })

  it('is no less a host where the native part does not load, and the log says so in one line', async () => {
    const lines: unknown[] = []
    const keep: Log = (level, message, data, error) => lines.push({ level, message, data, error })
    const missing = new RangeError('Cannot load native addon')
    expect(await nodeWebRtc(keep, () => Promise.reject(missing))).toBeUndefined()
    expect(lines).toEqual([{ level: 'warn', message: expect.stringContaining('no WebRTC on this machine') as string, data: {}, error: missing }])
  })
})
