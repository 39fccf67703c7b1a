import type { PeerInfo } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import { beforeEach, describe, expect, it } from 'vitest'
import { toHex } from '../core/base/bytes.ts'
import { FakeClock, settle } from '../core/testkit/fake-clock.ts'
import { SeededRandom } from '../core/testkit/seeded-random.ts'
import { keyFromSeed } from '../core/seal/ed25519.ts'
import type { PeerNode } from './assembly.ts'
import { bucketCid, bucketOf, MAX_LEVEL, ROOT_BUCKET } from './host-buckets.ts'
import { HostDirectory } from './host-directory.ts'
import { peerIdOf } from './identity.ts'
import { collect, log } from './test-world.ts'

const keyNumber = (n: number) => toHex(keyFromSeed(new Uint8Array(32).map((_, i) => (i === 0 ? n & 255 : n >> 8))))
const SELF = keyNumber(9999)

/** A DHT in which everybody always answers: what stands under each key, and what was asked. */
class Buckets {
  readonly providers = new Map<string, Set<string>>()
  readonly read: string[] = []
  readonly left: string[] = []

  async provide(key: string, level: number): Promise<void> {
    const cid = (await bucketCid(await bucketOf(key, level))).toString()
    this.providers.set(cid, (this.providers.get(cid) ?? new Set()).add(key))
  }

  node(): PeerNode {
    const { providers, read, left } = this
    const infos = (cid: CID): PeerInfo[] => [...(providers.get(cid.toString()) ?? [])].map((key) => ({ id: peerIdOf(key), multiaddrs: [] }))
    const dht = {
      routingTable: { size: 1, remove: () => Promise.resolve() },
      findProviders: async function* (cid: CID) {
        read.push(cid.toString())
        yield await Promise.resolve({ name: 'PEER_RESPONSE', messageName: 'GET_PROVIDERS', providers: infos(cid) })
      },
      provide: async function* (cid: CID) {
        providers.set(cid.toString(), (providers.get(cid.toString()) ?? new Set()).add(SELF))
        yield await Promise.resolve({ name: 'PEER_RESPONSE', messageName: 'ADD_PROVIDER' })
      },
      cancelReprovide: (cid: CID) => {
        left.push(cid.toString())
        return Promise.resolve()
      },
    }
    return { peerId: peerIdOf(SELF), services: { dht } } as unknown as PeerNode
  }
}

describe('the directory of hosts', () => {
  let buckets: Buckets
  let clock: FakeClock
  let directory: HostDirectory

  beforeEach(() => {
    buckets = new Buckets()
    clock = new FakeClock()
    directory = new HostDirectory({ node: buckets.node(), self: SELF, clock, random: new SeededRandom(3), log })
  })

  const found = async () => (await collect(directory.find(new AbortController().signal))).map(({ key }) => key)
  const announcedAt = async (level: number) => buckets.providers.get((await bucketCid(await bucketOf(SELF, level))).toString())?.has(SELF) === true

  it('a bucket that is not full is the whole sample, without this peer', async () => {
    for (let n = 0; n < 20; n++) await buckets.provide(keyNumber(n), 0)
    await buckets.provide(SELF, 0)
    expect((await found()).sort()).toEqual(Array.from({ length: 20 }, (_, n) => keyNumber(n)).sort())
    expect(buckets.read).toHaveLength(1)
  })

  it('a full bucket leads to both halves, and a host that stands in two is found once', async () => {
    for (let n = 0; n < 64; n++) await buckets.provide(keyNumber(n), 0)
    for (let n = 32; n < 96; n++) await buckets.provide(keyNumber(n), 1)
    expect((await found()).sort()).toEqual(Array.from({ length: 96 }, (_, n) => keyNumber(n)).sort())
  })

  it('where nobody is, it descends three levels and stops', async () => {
    expect(await found()).toEqual([])
    expect(buckets.read).toHaveLength(4)
  })

  it('takes only so many from a bucket that claims thousands, and reads on only as they are taken', async () => {
    const liars = new Set(Array.from({ length: 1000 }, (_, n) => keyNumber(n)))
    buckets.providers.set((await bucketCid(ROOT_BUCKET)).toString(), liars)
    const stop = new AbortController()
    const hosts = directory.find(stop.signal)[Symbol.asyncIterator]()
    await hosts.next()
    await settle()
    expect(buckets.read).toHaveLength(1)
    let count = 1
    while ((await hosts.next()).done !== true) count++
    expect(count).toBe(256)
    expect(buckets.read.length).toBeGreaterThan(1)
  })

  it('announces in the bucket of all, and again before the announcement ends', async () => {
    const ending = new AbortController()
    await directory.announce(ending.signal)
    await clock.advance(0)
    expect(await announcedAt(0)).toBe(true)
    buckets.providers.clear()
    await clock.advance(31 * 60_000)
    expect(await announcedAt(0)).toBe(true)
    ending.abort()
    await settle()
    expect(buckets.left).toEqual([(await bucketCid(ROOT_BUCKET)).toString()])
  })

  it('announces at once when it is told that a relay is back', async () => {
    const ending = new AbortController()
    await directory.announce(ending.signal)
    await clock.advance(0)
    buckets.providers.clear()
    directory.refresh()
    await clock.advance(500)
    expect(await announcedAt(0)).toBe(true)
    ending.abort()
  })

  it('moves a level down where its bucket is full, and leaves the one above', async () => {
    const ending = new AbortController()
    await directory.announce(ending.signal)
    await clock.advance(0)
    for (let n = 0; n < 64; n++) await buckets.provide(keyNumber(n), 0)
    await clock.advance(31 * 60_000)
    expect(await announcedAt(1)).toBe(true)
    expect(buckets.left).toEqual([(await bucketCid(ROOT_BUCKET)).toString()])
    ending.abort()
  })

  it('never announces below the last level, however full', async () => {
    const others = Array.from({ length: 64 }, (_, n) => keyNumber(n))
    for (let level = 0; level <= MAX_LEVEL; level++) {
      buckets.providers.set((await bucketCid(await bucketOf(SELF, level))).toString(), new Set(others))
    }
    const ending = new AbortController()
    await directory.announce(ending.signal)
    await settle(40)
    expect(await announcedAt(MAX_LEVEL)).toBe(true)
    ending.abort()
  })
})
