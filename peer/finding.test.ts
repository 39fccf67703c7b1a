import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Peer } from './peer.ts'
import { collect, makeWorld, until, type World } from './test-world.ts'

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
