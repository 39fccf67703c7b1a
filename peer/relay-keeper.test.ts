import { MemoryDatastore } from 'datastore-core'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { Random } from '../core/ports/clock.ts'
import { nodeOptions, peerServices, type PeerNode } from './assembly.ts'
import { peerIdOf, privateKeyFromSeed } from './identity.ts'
import { originAddress, RELAY_INFO_VERSION } from './relay-info.ts'
import { RelayKeeper } from './relay-keeper.ts'
import { requestInfo } from './relay-request.ts'
import { startBrowserPeer } from './browser.ts'
import { startHostPeer } from './host.ts'
import { createLibp2p } from 'libp2p'
import { multiaddr } from '@multiformats/multiaddr'
import { systemClock, systemRandom } from './system.ts'
import { bareNode, log, startTestRelay, until, type TestRelay } from './test-world.ts'
import { shoalWebSockets } from './web-sockets.ts'

const eager: Random = { ...systemRandom, unit: () => 0 }

describe('the relay keeper', () => {
  const closing: (() => unknown)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  async function keeperOf(node: PeerNode, relay: TestRelay, failures: readonly unknown[] = []): Promise<{ keeper: RelayKeeper; asked: () => number; warnings: string[] }> {
    let asked = 0
    const warnings: string[] = []
    const keeper = new RelayKeeper({
      node,
      clock: systemClock,
      random: eager,
      log: (level, message) => {
        if (level === 'warn') warnings.push(message)
      },
      onChange: () => undefined,
      fetchInfo: async (origin) => {
        const failure = failures[asked++]
        if (failure !== undefined) await rejected(failure)
        return { peer: relay.peer.peer, addresses: [originAddress(origin)], stun: [], turn: [], relays: [], version: RELAY_INFO_VERSION }
      },
    })
    closing.push(() => node.stop(), () => keeper.close())
    keeper.setRelays([relay.url])
    return Promise.resolve({ keeper, asked: () => asked, warnings })
  }

  it('goes on after rejections that are not errors, as browsers have them', async () => {
    const relay = await startTestRelay()
    closing.push(() => relay.stop())
    const { keeper, asked } = await keeperOf(await bareNode(), relay, [new Event('error'), 'nothing'])
    await until(() => keeper.relays()[0]?.connected === true)
    expect(asked()).toBe(3)
  })

  it('is back within 10 s of the return of a relay, with a new reservation, for a browser and a host', { timeout: 25_000 }, async () => {
    const seed = systemRandom.bytes(32)
    const first = await startTestRelay(0, seed)
    const init = { relays: [first.url], clock: systemClock, random: systemRandom, log }
    const browser = await startBrowserPeer({ ...init, seed: systemRandom.bytes(32) })
    const host = await startHostPeer({ ...init, seed: systemRandom.bytes(32), datastore: new MemoryDatastore(), listen: '127.0.0.1', port: 0 })
    closing.push(() => browser.network.close(), () => host.close())
    const connected = () => [browser, host].every(({ network }) => network.state().relays[0]?.connected === true)
    const reserved = (relay: TestRelay) =>
      [browser, host].every(({ identity }) => relay.peer.node.services.relay.reservations.has(peerIdOf(identity.key)))
    await until(() => connected() && reserved(first))
    await first.stop()
    await until(() => !connected())
    await until(() => browser.network.state().relays[0]?.problem === 'relay.unreachable')
    const second = await startTestRelay(first.port, seed)
    closing.push(() => second.stop())
    const limit = AbortSignal.timeout(10_000)
    await until(() => (connected() && reserved(second)) || limit.aborted)
    expect(limit.aborted).toBe(false)
  })

  it('follows a relay that came back with another key, and one that a person took away', async () => {
    const first = await startTestRelay()
    const browser = await startBrowserPeer({ relays: [first.url], clock: systemClock, random: systemRandom, log, seed: systemRandom.bytes(32) })
    closing.push(() => browser.network.close())
    const state = () => browser.network.state().relays
    await until(() => state()[0]?.connected === true)
    await first.stop()
    const second = await startTestRelay(first.port)
    closing.push(() => second.stop())
    await until(() => state()[0]?.connected === true && second.peer.node.getConnections().length > 0)
    browser.setRelays([])
    expect(state()).toEqual([])
    await until(() => second.peer.node.getConnections().length === 0)
    expect(() => browser.setRelays(['ftp://relay.example'])).toThrow(expect.objectContaining({ code: 'relay.url' }) as Error)
  })

  it('a browser has a reservation at two relays when there are two', async () => {
    const relays = [await startTestRelay(), await startTestRelay()]
    const init = { clock: systemClock, random: systemRandom, log, seed: systemRandom.bytes(32) }
    const browser = await startBrowserPeer({ ...init, relays: relays.map(({ url }) => url) })
    closing.push(...relays.map((relay) => () => relay.stop()), () => browser.network.close())
    const name = peerIdOf(browser.identity.key)
    await until(() => relays.every(({ peer }) => peer.node.services.relay.reservations.has(name)))
  })

  it('says in the log, once, that a relay cannot be reached', async () => {
    const relay = await startTestRelay()
    closing.push(() => relay.stop())
    const { keeper, warnings } = await keeperOf(await bareNode(), relay, Array<string>(4).fill('not yet'))
    await until(() => keeper.relays()[0]?.connected === true)
    expect(warnings).toEqual(['a relay cannot be reached, and is tried again'])
  })

  it('tries at once when it is poked', async () => {
    const relay = await startTestRelay()
    closing.push(() => relay.stop())
    const { keeper, asked } = await keeperOf(await bareNode(), relay, Array<string>(6).fill('not yet'))
    const poking = setInterval(() => keeper.poke(), 20)
    closing.push(() => clearInterval(poking))
    await until(() => keeper.relays()[0]?.connected === true)
    expect(asked()).toBe(7)
  })

  it('reads no more of an endless relay.json than one may have', async () => {
    const server = createServer((request, response) => {
      const feeding = setInterval(() => response.write(' '.repeat(16_000)), 1)
      request.on('close', () => clearInterval(feeding))
    })
    closing.push(() => server.close(), () => server.closeAllConnections())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const origin = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
    await expect(requestInfo(origin, new AbortController().signal)).rejects.toMatchObject({ kind: 'invalid', code: 'relay.malformed' })
  })

  it('twenty peers from one address reach a relay at the same time', async () => {
    const relay = await startTestRelay()
    closing.push(() => relay.stop())
    const address = multiaddr(`${originAddress(relay.url)}/p2p/${relay.peer.peer}`)
    const nodes = await Promise.all(Array.from({ length: 20 }, visitor))
    for (const node of nodes) closing.push(() => node.stop())
    const outcomes = await Promise.allSettled(nodes.map((node) => node.dial(address)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(20)
  })
})

/** What browsers reject with is not always an error. */
function rejected(reason: unknown): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>()
  reject(reason)
  return promise
}

async function visitor(): Promise<PeerNode> {
  const privateKey = await privateKeyFromSeed(systemRandom.bytes(32))
  const options = nodeOptions({ privateKey, transports: [shoalWebSockets()], listen: [], maxConnections: 10, inboundPerSecond: 5, inboundPending: 5 })
  return createLibp2p({ ...options, services: peerServices('client') })
}
