import type { PeerInfo } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { toHex } from '../core/base/bytes.ts'
import { FakeClock, settle } from '../core/testkit/fake-clock.ts'
import { SeededRandom } from '../core/testkit/seeded-random.ts'
import { keyFromSeed } from '../core/seal/ed25519.ts'
import type { PeerNode } from './assembly.ts'
import { bucketAt, bucketCid, bucketOf, hostHash, MAX_LEVEL, ROOT_BUCKET } from './host-buckets.ts'
import { HostDirectory } from './host-directory.ts'
import { announcedLevels, rankOf } from './host-levels.ts'
import { peerIdOf } from './identity.ts'
import { collect, log } from './test-world.ts'

const keyNumber = (n: number) => toHex(keyFromSeed(new Uint8Array(32).map((_, i) => (i === 0 ? n & 255 : n >> 8))))
const SELF = keyNumber(9999)

/** A DHT in which everybody always answers: what stands under each key, and what was asked. */
class Buckets {
  readonly providers = new Map<string, Set<string>>()
  readonly read: string[] = []
  readonly left: string[] = []
  /** Other DHT servers that the one who answers knows. */
  closer: PeerInfo[] = []
  addresses = ['/memory/1']
  answers = true

  /** Announces as a host whose leaf is at `level` does. */
  async provide(key: string, level: number): Promise<void> {
    const hash = await hostHash(key)
    for (const at of announcedLevels(level, rankOf(hash))) await this.put(key, at)
  }

  async put(key: string, level: number): Promise<void> {
    const cid = (await bucketCid(bucketOf(await hostHash(key), level))).toString()
    this.providers.set(cid, (this.providers.get(cid) ?? new Set()).add(key))
  }

  node(): PeerNode {
    const { providers, read, left } = this
    const answers = () => this.answers
    const infos = (cid: CID): PeerInfo[] => [...(providers.get(cid.toString()) ?? [])].map((key) => ({ id: peerIdOf(key), multiaddrs: [] }))
    const dht = {
      routingTable: { size: 1, remove: () => Promise.resolve() },
      providers: { getProviders: () => Promise.resolve([]) },
      getClosestPeers: () => this.closest(),
      findProviders: async function* (cid: CID) {
        read.push(cid.toString())
        if (!answers()) return
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
    return { peerId: peerIdOf(SELF), services: { dht }, getMultiaddrs: () => this.addresses } as unknown as PeerNode
  }

  private async *closest() {
    yield await Promise.resolve({ name: 'PEER_RESPONSE', messageName: 'FIND_NODE', closer: this.closer })
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
  const announcedAt = async (level: number) => buckets.providers.get((await bucketCid(bucketOf(await hostHash(SELF), level))).toString())?.has(SELF) === true

  it('a bucket that is not full is the whole sample, without this peer', async () => {
    for (let n = 0; n < 20; n++) await buckets.provide(keyNumber(n), 0)
    await buckets.provide(SELF, 0)
    expect((await found()).sort()).toEqual(Array.from({ length: 20 }, (_, n) => keyNumber(n)).sort())
    expect(buckets.read).toHaveLength(1)
  })

  it('where one bucket is too small for all hosts, all are found in three look-ups, those in two buckets once', async () => {
    for (let n = 0; n < 96; n++) await buckets.provide(keyNumber(n), 1)
    expect((await found()).sort()).toEqual(Array.from({ length: 96 }, (_, n) => keyNumber(n)).sort())
    expect(buckets.read).toHaveLength(3)
  })

  it('begins next time where hosts were last, not at the bucket of all', async () => {
    for (let n = 0; n < 400; n++) await buckets.provide(keyNumber(n), 3)
    await found()
    const root = (await bucketCid(ROOT_BUCKET)).toString()
    expect(buckets.read[0]).toBe(root)
    buckets.read.length = 0
    await found()
    expect(buckets.read).not.toContain(root)
  })

  it('where there are many DHT servers it does not begin at the bucket of all, and goes up to where hosts are', async () => {
    buckets.closer = Array.from({ length: 19 }, (_, n) => ({ id: peerIdOf(keyNumber(5000 + n)), multiaddrs: [] }))
    for (let n = 0; n < 20; n++) await buckets.provide(keyNumber(n), 0)
    expect(await found()).toHaveLength(20)
    expect(buckets.read[0]).not.toBe((await bucketCid(ROOT_BUCKET)).toString())
    expect(buckets.read).toHaveLength(2)
  })

  it('where nobody is, it looks once and stops', async () => {
    expect(await found()).toEqual([])
    expect(buckets.read).toHaveLength(1)
  })

  it('takes only so many from a bucket that claims thousands, and reads on only as they are taken', async () => {
    const liars = new Set(Array.from({ length: 1000 }, (_, n) => keyNumber(n)))
    buckets.providers.set((await bucketCid(ROOT_BUCKET)).toString(), liars)
    const others = new Set(Array.from({ length: 10 }, (_, n) => keyNumber(2000 + n)))
    for (const bit of [0, 1]) buckets.providers.set((await bucketCid(bucketAt(1, bit))).toString(), others)
    const stop = new AbortController()
    const hosts = directory.find(stop.signal)[Symbol.asyncIterator]()
    await hosts.next()
    await settle()
    expect(buckets.read).toHaveLength(1)
    let count = 1
    while ((await hosts.next()).done !== true) count++
    expect(count).toBe(256 + 10)
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

  it('announces once more when it is told so in the middle of an announcement', async () => {
    const ending = new AbortController()
    const provided = vi.spyOn(buckets.providers, 'set')
    provided.mockImplementationOnce(function (this: typeof buckets.providers, cid, keys) {
      directory.refresh()
      return Map.prototype.set.call(this, cid, keys) as typeof buckets.providers
    })
    await directory.announce(ending.signal)
    await clock.advance(1000)
    expect(provided).toHaveBeenCalledTimes(2)
    ending.abort()
  })

  it('without an address it waits for one: others take no announcement without', async () => {
    buckets.addresses = []
    const ending = new AbortController()
    await directory.announce(ending.signal)
    await clock.advance(2000)
    expect(await announcedAt(0)).toBe(false)
    buckets.addresses = ['/memory/1']
    directory.refresh()
    await clock.advance(500)
    expect(await announcedAt(0)).toBe(true)
    ending.abort()
  })

  it('moves down where its bucket is full, and leaves those above that are for rarer hosts', async () => {
    const ending = new AbortController()
    await directory.announce(ending.signal)
    await clock.advance(0)
    for (let n = 0; n < 64; n++) await buckets.put(keyNumber(n), 0)
    await clock.advance(31 * 60_000)
    expect(await announcedAt(1)).toBe(true)
    const rank = rankOf(await hostHash(SELF))
    expect(buckets.left).toEqual(rank === 0 ? [(await bucketCid(ROOT_BUCKET)).toString()] : [])
    ending.abort()
  })

  it('stays at its level when nobody answers: that is no empty bucket', async () => {
    const ending = new AbortController()
    for (let n = 0; n < 64; n++) await buckets.put(keyNumber(n), 0)
    await directory.announce(ending.signal)
    await clock.advance(0)
    expect(await announcedAt(1)).toBe(true)
    buckets.providers.clear()
    buckets.answers = false
    await clock.advance(31 * 60_000)
    expect(await announcedAt(1)).toBe(true)
    expect(buckets.left).toEqual([])
    ending.abort()
  })

  it('never announces below the last level, however full', async () => {
    const others = Array.from({ length: 128 }, (_, n) => keyNumber(n))
    const hash = await hostHash(SELF)
    for (let level = 0; level <= MAX_LEVEL; level++) {
      buckets.providers.set((await bucketCid(bucketOf(hash, level))).toString(), new Set(others))
    }
    const ending = new AbortController()
    await directory.announce(ending.signal)
    for (let renewals = 0; renewals < 3; renewals++) {
      await settle(40)
      await clock.advance(31 * 60_000)
    }
    await settle(40)
    expect(await announcedAt(MAX_LEVEL)).toBe(true)
    ending.abort()
  })

  it('announces nothing more once it is closed', async () => {
    await directory.announce(new AbortController().signal)
    await clock.advance(0)
    expect(await announcedAt(0)).toBe(true)
    directory.close()
    buckets.providers.clear()
    await clock.advance(31 * 60_000)
    expect(await announcedAt(0)).toBe(false)
    expect(buckets.left).toEqual([(await bucketCid(ROOT_BUCKET)).toString()])
  })
})
