import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FakeClock, settle } from '../core/testkit/fake-clock.ts'
import { keyFromSeed } from '../core/seal/ed25519.ts'
import type { PeerNode } from './assembly.ts'
import { startBrowserPeer } from './browser.ts'
import { DHT_PROTOCOL, routingTable } from './dht.ts'
import { peerIdOf } from './identity.ts'
import type { Peer } from './peer.ts'
import { DhtRole, reachable, serveWhenProven, SERVES_DHT_AFTER_MS, whenProven } from './serving.ts'
import { systemClock, systemRandom } from './system.ts'
import { log, makeWorld, startTestRelay, until, type TestRelay, type World } from './test-world.ts'

const RELAYS = ['12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN', '12D3KooWGMYMmN1RGUYjWaSV6P3XtnBjwnosnJGNMnttfVCRnd6g']
const through = (relay: number) => multiaddr(`/ip4/192.0.2.1/tcp/443/ws/p2p/${RELAYS[relay]!}/p2p-circuit/webrtc`)

describe('when a tab serves the DHT', () => {
  it('is reached at an address of its own or through two relays; one relay is not enough', () => {
    const at = (...addresses: Multiaddr[]) => reachable({ getMultiaddrs: () => addresses })
    expect(at()).toBe(false)
    expect(at(through(0), through(0))).toBe(false)
    expect(at(through(0), through(1))).toBe(true)
    expect(at(multiaddr('/ip4/192.0.2.1/tcp/443/ws'))).toBe(true)
  })

  it('is proven after an hour, and not when it ends before', async () => {
    const clock = new FakeClock()
    const ending = new AbortController()
    let proven: boolean | undefined
    void whenProven(clock, new AbortController().signal).then((is) => (proven = is))
    const ended = whenProven(clock, ending.signal)
    await clock.advance(SERVES_DHT_AFTER_MS - 1)
    expect(proven).toBeUndefined()
    ending.abort()
    expect(await ended).toBe(false)
    await clock.advance(1)
    expect(proven).toBe(true)
  })

  it('serves from when it is proven until it stops hosting', async () => {
    const clock = new FakeClock()
    const ending = new AbortController()
    const calls: boolean[] = []
    const serving = serveWhenProven({ serveDht: async (on) => void calls.push(on) }, clock, ending.signal)
    await clock.advance(SERVES_DHT_AFTER_MS)
    expect(calls).toEqual([true])
    ending.abort()
    await serving
    expect(calls).toEqual([true, false])
  })

  it('goes back to asking only while it can be reached through one relay, and serves again with the second', async () => {
    const node = new FakeNode()
    const role = new DhtRole(node as unknown as PeerNode)
    node.move(through(0), through(1))
    await settle()
    expect(node.mode).toBe('client')
    await role.serve(true)
    expect(node.mode).toBe('server')
    node.move(through(0))
    await settle()
    expect(node.mode).toBe('client')
    node.move(through(0), through(1))
    await settle()
    expect(node.mode).toBe('server')
    await role.serve(false)
    expect(node.mode).toBe('client')
  })
})

/** As much of libp2p as a role looks at. */
class FakeNode extends EventTarget {
  mode = 'client'
  private addresses: Multiaddr[] = []
  readonly services = {
    dht: {
      setMode: async (mode: string) => {
        this.mode = mode
      },
    },
  }

  move(...addresses: Multiaddr[]): void {
    this.addresses = addresses
    this.dispatchEvent(new Event('self:peer:update'))
  }

  getMultiaddrs(): Multiaddr[] {
    return this.addresses
  }
}

describe('a tab among two relays that serves the DHT', () => {
  let world: World
  let second: TestRelay
  let tab: Peer

  beforeAll(async () => {
    world = await makeWorld()
    second = await startTestRelay()
    const relays = [world.relay.url, second.url]
    tab = await startBrowserPeer({ relays, seed: systemRandom.bytes(32), clock: systemClock, random: systemRandom, log })
  })
  afterAll(async () => {
    await tab.network.close()
    await world.close()
    await second.stop()
  })

  const id = () => peerIdOf(tab.identity.key)
  const table = () => routingTable(world.relay.peer.node.services.dht)
  const served = async () => {
    const [known] = await world.relay.peer.node.peerStore.all({ filters: [(peer) => peer.id.equals(id())] })
    return known?.protocols.includes(DHT_PROTOCOL) === true
  }

  it('enters the routing table of its relay when it serves, and leaves it when it only asks again', { timeout: 60_000 }, async () => {
    await tab.serveDht(true)
    await until(served)
    await until(async () => (await table().find(id())) !== undefined)
    await tab.serveDht(false)
    await until(async () => (await table().find(id())) === undefined)
    expect(await served()).toBe(false)
  })

  it('a look-up ends within its time, with what the others hold, although a server of the table has vanished', { timeout: 60_000 }, async () => {
    await tab.serveDht(true)
    await until(async () => (await table().find(id())) !== undefined)
    const seeker = await world.client()
    const seed = systemRandom.bytes(32)
    const record = await seeker.records.sign(seed, { value: '/x', sequence: 1n, expires: Date.now() + 3_600_000 })
    await seeker.records.publish(keyFromSeed(seed), record)
    await tab.network.close()
    expect(await seeker.records.resolve(keyFromSeed(seed))).toEqual(record)
    await until(async () => (await table().find(id())) === undefined)
  })
})
