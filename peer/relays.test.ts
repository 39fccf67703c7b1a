import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { MemoryDatastore } from 'datastore-core'
import { multiaddr } from '@multiformats/multiaddr'
import { afterEach, describe, expect, it } from 'vitest'
import type { Clock } from '../core/ports/clock.ts'
import { startBrowserPeer } from './browser.ts'
import { startHostPeer } from './host.ts'
import { peerIdOf } from './identity.ts'
import type { Peer } from './peer.ts'
import { originAddress } from './relay-info.ts'
import { systemClock, systemRandom } from './system.ts'
import { bareNode, log, startTestRelay, until, type TestRelay, type TestRelayOptions } from './test-world.ts'

const ECHO = '/shoal/echo/1'
/** Circuit relay v2 (github.com/libp2p/specs, relay/circuit-v2.md): a HopMessage of type RESERVE, with its length before it. */
const HOP = '/libp2p/circuit/relay/0.2.0/hop'
const RESERVE = Uint8Array.of(2, 8, 0)
/** What a person waits for a relay that is back (relay.md 1). */
const BACK_WITHIN_MS = 10_000

describe('several relays', () => {
  const closing: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  async function relay(options: TestRelayOptions = {}, port = 0, seed = systemRandom.bytes(32)): Promise<TestRelay> {
    const started = await startTestRelay(port, seed, new MemoryDatastore(), options)
    closing.push(() => started.stop())
    return started
  }

  async function tab(relays: readonly TestRelay[], clock: Clock = systemClock): Promise<Peer> {
    const peer = await startBrowserPeer({ relays: relays.map(({ url }) => url), clock, random: systemRandom, log, seed: systemRandom.bytes(32) })
    closing.push(() => peer.network.close())
    return peer
  }

  /** A line to a relay that can be cut without either side being told. */
  async function lineTo(at: TestRelay): Promise<{ url: string; cut: () => void }> {
    const sockets: Socket[] = []
    const server = createServer((near) => {
      const far = connect(Number(new URL(at.url).port), '127.0.0.1')
      sockets.push(near, far)
      near.pipe(far)
      far.pipe(near)
      for (const socket of [near, far]) socket.on('error', () => undefined)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closing.push(async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    })
    const cut = (): void => {
      for (const socket of sockets) socket.unpipe().pause()
    }
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, cut }
  }

  const reserved = (at: TestRelay, ...peers: Peer[]) => peers.every(({ identity }) => at.peer.node.services.relay.reservations.has(peerIdOf(identity.key)))
  const through = (at: TestRelay, peer: Peer) => multiaddr(`${originAddress(at.url)}/p2p/${at.peer.peer}/p2p-circuit/p2p/${peerIdOf(peer.identity.key).toString()}`)

  /** Whether a stranger reaches `peer` through the relay `at`. */
  async function reachable(peer: Peer, at: TestRelay): Promise<boolean> {
    const stranger = await bareNode()
    try {
      const { remotePeer } = await stranger.dial(through(at, peer))
      return remotePeer.equals(peerIdOf(peer.identity.key))
    } finally {
      await stranger.stop()
    }
  }

  it('a peer that went to another network without a word is reached there, not over what it left behind', async () => {
    const home = await relay()
    const line = await lineTo(home)
    const seed = systemRandom.bytes(32)
    const before = await startBrowserPeer({ relays: [line.url], clock: systemClock, random: systemRandom, log, seed })
    closing.push(() => before.network.close())
    await until(() => reserved(home, before))
    line.cut()
    const after = await startBrowserPeer({ relays: [home.url], clock: systemClock, random: systemRandom, log, seed })
    closing.push(() => after.network.close())
    const { node } = home.peer
    await until(() => node.getConnections(peerIdOf(after.identity.key)).length === 2)
    await until(() => node.getConnections(peerIdOf(after.identity.key)).length === 1)
    await until(() => reserved(home, after))
    expect(await reachable(after, home)).toBe(true)
  })

  it('a peer that was told of one keeps to the other as well, for as long as the first names it', async () => {
    const second = await relay()
    const first = await relay({ info: { relays: [second.url] } })
    const peer = await tab([first])
    const state = () => peer.network.state().relays
    await until(() => state().length === 2 && state().every(({ connected }) => connected))
    expect(state()).toEqual([
      { url: first.url, connected: true },
      { url: second.url, connected: true, learned: true },
    ])
    await until(() => reserved(first, peer) && reserved(second, peer))
    peer.setRelays([second.url])
    expect(state().map(({ url, learned }) => [url, learned])).toEqual([[second.url, undefined]])
  })

  it('what a learned relay names does not count, nor a second name of a known one', async () => {
    const third = await relay()
    const second = await relay({ info: { relays: [third.url] } })
    const first = await relay({ info: { relays: [second.url.replace('127.0.0.1', 'localhost')] } })
    const peer = await tab([first, second])
    const state = () => peer.network.state().relays
    await until(() => state().some(({ url, connected }) => url === third.url && connected))
    await until(() => state().length === 3)
    expect(state().map(({ url }) => url)).toEqual([first.url, second.url, third.url])
    peer.setRelays([first.url])
    await until(() => state().length === 2 && state().every(({ connected }) => connected))
    expect(state().map(({ url }) => url)).toEqual([first.url, second.url.replace('127.0.0.1', 'localhost')])
  })

  it('a peer is reached through either; through the one that is left; and through both when that is back', { timeout: 40_000 }, async () => {
    const seed = systemRandom.bytes(32)
    const [first, second] = [await relay({}, 0, seed), await relay()]
    const peer = await tab([first, second])
    await until(() => reserved(first, peer) && reserved(second, peer))
    expect(await reachable(peer, first)).toBe(true)
    expect(await reachable(peer, second)).toBe(true)
    await first.stop()
    await until(() => peer.network.state().relays[0]?.connected === false)
    expect(await reachable(peer, second)).toBe(true)
    const again = await relay({}, first.port, seed)
    const limit = AbortSignal.timeout(BACK_WITHIN_MS)
    await until(() => limit.aborted || reserved(again, peer))
    expect(limit.aborted).toBe(false)
    expect(await reachable(peer, again)).toBe(true)
    expect(reserved(second, peer)).toBe(true)
  })

  it('a direct stream goes on while all relays are down, and everybody is back within 10 s of their return', { timeout: 60_000 }, async () => {
    const seeds = [systemRandom.bytes(32), systemRandom.bytes(32)]
    const relays = await Promise.all(seeds.map((seed) => relay({}, 0, seed)))
    const urls = relays.map(({ url }) => url)
    const host = await startHostPeer({ relays: urls, clock: systemClock, random: systemRandom, log, seed: systemRandom.bytes(32), datastore: new MemoryDatastore(), listen: '127.0.0.1', port: 0 })
    closing.push(() => host.close())
    const ending = new AbortController()
    closing.push(() => {
      ending.abort()
      return Promise.resolve()
    })
    await host.network.handle(
      ECHO,
      async (stream) => {
        for (let part = await stream.read(); part !== null; part = await stream.read()) await stream.write(part)
      },
      ending.signal,
    )
    await host.network.announce(ending.signal)
    const client = await tab(relays)
    const connected = () => [client, host].every(({ network }) => network.state().relays.filter((one) => one.connected).length === 2)
    await until(() => connected() && relays.every((at) => reserved(at, client, host)))
    const stream = await client.network.open({ key: host.identity.key, addresses: [`/ip4/127.0.0.1/tcp/${host.port}/ws`] }, ECHO)
    expect(stream.relayed).toBeUndefined()
    await Promise.all(relays.map((one) => one.stop()))
    await until(() => [client, host].every(({ network }) => network.state().relays.every((one) => !one.connected)))
    await stream.write(Uint8Array.of(1, 2, 3))
    expect(await stream.read()).toEqual(Uint8Array.of(1, 2, 3))
    const back = await Promise.all(relays.map(({ port }, i) => relay({}, port, seeds[i])))
    const limit = AbortSignal.timeout(BACK_WITHIN_MS)
    const found = async () => {
      for await (const { key } of client.network.findHosts()) if (key === host.identity.key) return true
      return false
    }
    await until(async () => limit.aborted || (connected() && back.every((at) => reserved(at, client, host)) && (await found())))
    expect(limit.aborted).toBe(false)
    await stream.write(Uint8Array.of(4))
    expect(await stream.read()).toEqual(Uint8Array.of(4))
  })

  it('relays keep to each other, though each names both', async () => {
    const second = await relay()
    const first = await relay({ also: [second.url] })
    await until(() => second.peer.node.getConnections().length === 1)
    expect(second.peer.node.getPeers().map(String)).toEqual([first.peer.peer])
  })

  it('a relay that is named to itself, under any name, leaves it at that', async () => {
    const second = await relay()
    const seed = systemRandom.bytes(32)
    const first = await relay({}, 0, seed)
    const { port } = first
    await first.stop()
    const again = await relay({ also: [second.url, `http://127.0.0.1:${port}`, `http://localhost:${port}`] }, port, seed)
    await until(() => second.peer.node.getConnections().length === 1)
    expect(again.peer.node.getPeers().map(String)).toEqual([second.peer.peer])
  })

  it('a connection that begins before a relay has answered waits for its STUN and TURN servers, and no dead relay holds it up', async () => {
    const info = { stun: ['stun:relay.example:8484'], turn: [] }
    const dead = await relay()
    const live = await relay({ info })
    await dead.stop()
    const peer = await tab([dead, live])
    expect(await peer.iceServers()).toEqual([{ urls: info.stun }])
    const alone = await tab([dead])
    expect(await alone.iceServers()).toEqual([])
  })

  it('the newest STUN and TURN servers of the connected relays are those of the next connection', async () => {
    let now = 0
    const clock: Clock = { ...systemClock, now: () => Date.now() + now }
    const turn = { urls: ['turn:turn.example:3478'], username: 'first', credential: 'c' }
    const info = { stun: ['stun:relay.example:8484'], turn: [turn] }
    const peer = await tab([await relay({ info })], clock)
    await until(() => peer.network.state().relays[0]?.connected === true)
    expect(await peer.iceServers()).toEqual([{ urls: info.stun }, turn])
    info.turn = [{ ...turn, username: 'second' }]
    now += 3_600_000
    await until(async () => {
      peer.poke()
      return (await peer.iceServers())[1]?.username === 'second'
    })
  })
})

describe('a reservation', () => {
  it('outlives refreshes: none is lost when the time of an earlier one is over', { timeout: 20_000 }, async () => {
    const lasts = 3000
    const relay = await startTestRelay(0, systemRandom.bytes(32), new MemoryDatastore(), { reservationMs: lasts })
    const node = await bareNode()
    const { reservations } = relay.peer.node.services.relay
    try {
      const connection = await node.dial(multiaddr(`${originAddress(relay.url)}/p2p/${relay.peer.peer}`))
      await until(() => reservations.has(node.peerId))
      const first = Date.now()
      const refresh = async (after: number) => {
        await until(() => Date.now() - first >= after)
        expect(reservations.has(node.peerId)).toBe(true)
        const answered = Promise.withResolvers<undefined>()
        const stream = await connection.newStream(HOP)
        stream.addEventListener('message', () => answered.resolve(undefined), { once: true })
        stream.send(RESERVE)
        await answered.promise
      }
      // The second of two refreshes is what made the library forget; the end of the first one is at 3.5 s.
      for (const after of [500, 1000, 2500]) await refresh(after)
      await until(() => Date.now() - first >= 500 + lasts + 300)
      expect(reservations.has(node.peerId)).toBe(true)
    } finally {
      await node.stop()
      await relay.stop()
    }
  })

  it('is made once and lasts a week, so that none is lost by refreshing it', async () => {
    const relay = await startTestRelay()
    const peer = await startBrowserPeer({ relays: [relay.url], clock: systemClock, random: systemRandom, log, seed: systemRandom.bytes(32) })
    try {
      const reservation = () => relay.peer.node.services.relay.reservations.get(peerIdOf(peer.identity.key))
      await until(() => reservation() !== undefined)
      const left = Number(reservation()?.expiry.getTime()) - Date.now()
      expect(left).toBeGreaterThan(6 * 86_400_000)
      expect(left).toBeLessThan(2 ** 31)
    } finally {
      await peer.network.close()
      await relay.stop()
    }
  })
})
