import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MemoryDatastore } from 'datastore-core'
import { Key } from 'interface-datastore'
import { toHex } from '../core/base/bytes.ts'
import { keyFromSeed } from '../core/seal/ed25519.ts'
import { startBrowserPeer } from './browser.ts'
import { peerIdOf } from './identity.ts'
import type { Peer } from './peer.ts'
import { systemClock, systemRandom } from './system.ts'
import { collect, log, makeWorld, startTestRelay, until, type World } from './test-world.ts'

const TABS = 16

describe('sixteen fresh tabs that host, and one relay', () => {
  let world: World

  beforeAll(async () => {
    world = await makeWorld()
  })
  afterAll(() => world.close())

  async function hosting(): Promise<Peer> {
    const tab = await world.client()
    await tab.network.announce(world.signal)
    return tab
  }

  it('a seventeenth that comes at the same time finds all of them, and announces itself to them', { timeout: 60_000 }, async () => {
    const [seeker, ...tabs] = await Promise.all(Array.from({ length: TABS + 1 }, hosting))
    const expected = tabs.map((tab) => tab.identity.key).sort()
    const found = new Set<string>()
    await until(async () => {
      for (const { key } of await collect(seeker!.network.findHosts())) found.add(key)
      return found.size >= TABS
    })
    expect([...found].sort()).toEqual(expected)
    await until(async () => (await collect(tabs[0]!.network.findHosts())).some(({ key }) => key === seeker!.identity.key))
  })

  it('one that comes later finds all of them in its first search', { timeout: 60_000 }, async () => {
    const late = await world.client()
    const found = await collect(late.network.findHosts())
    expect(found).toHaveLength(TABS + 1)
  })

  it('the relay names each of them with the address through which it is reached', { timeout: 60_000 }, async () => {
    const relayed = async () => {
      const { peerStore } = world.relay.peer.node
      const infos = await peerStore.all()
      return infos.filter(({ addresses }) => addresses.some(({ multiaddr }) => multiaddr.toString().includes('/p2p-circuit'))).length
    }
    await until(async () => (await relayed()) >= TABS + 1)
  })
})

describe('a relay that holds the announcement of a host it no longer knows', () => {
  it('still names the others, where kad-dht by itself would fail the look-up for all', { timeout: 60_000 }, async () => {
    const held = new MemoryDatastore()
    const relay = await startTestRelay(0, systemRandom.bytes(32), held)
    const common = { relays: [relay.url], clock: systemClock, random: systemRandom, log }
    const ending = new AbortController()
    const tabs = await Promise.all([1, 2].map(() => startBrowserPeer({ ...common, seed: systemRandom.bytes(32) })))
    const [host, seeker] = tabs
    try {
      await host!.network.announce(ending.signal)
      const announced = () => collect(held.queryKeys({ prefix: '/dht/provider' }))
      await until(async () => (await announced()).length > 0)
      const stranger = peerIdOf(toHex(keyFromSeed(systemRandom.bytes(32))))
      for (const key of await announced()) await held.put(key.parent().child(new Key(stranger.toString())), await held.get(key))
      await until(async () => (await collect(seeker!.network.findHosts())).some(({ key }) => key === host!.identity.key))
    } finally {
      ending.abort()
      await Promise.all(tabs.map((tab) => tab.network.close()))
      await relay.stop()
    }
  })
})
