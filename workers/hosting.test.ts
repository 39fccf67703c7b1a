import { beforeEach, describe, expect, it } from 'vitest'
import type { AppError } from '../core/base/errors.ts'
import * as signatures from '../core/seal/ed25519.ts'
import { SHARD_PROTOCOL } from '../core/swarm/limits.ts'
import { openShardClient } from '../core/swarm/client.ts'
import type { ShardClient } from '../core/swarm/shard-client.ts'
import { MemoryMetaStore, memoryMetaDisk } from '../core/testkit/memory-meta-store.ts'
import { MemoryShardStore, memoryShardDisk } from '../core/testkit/memory-shard-store.ts'
import { keyPair, shardWorld, type ShardWorld } from '../core/testkit/shard-world.ts'
import type { Peer } from '../peer/peer.ts'
import { openHosting, spaceChoices, type HostingPart } from './hosting.ts'
import type { PeerRealm } from './peer-realm.ts'
import type { BrowserStorage } from './storage/open.ts'

const GIB = 2 ** 30

describe('the spaces to share', () => {
  it('double from 1 GiB, and none is more than the browser grants', () => {
    expect(spaceChoices(5 * GIB)).toEqual([GIB, 2 * GIB, 4 * GIB])
    expect(spaceChoices(GIB)).toEqual([GIB])
    expect(spaceChoices(GIB - 1)).toEqual([])
    expect(spaceChoices(2 ** 60).at(-1)).toBe(1024 * GIB)
  })
})

describe('a tab as a host', () => {
  let world: ShardWorld
  let tab: ReturnType<typeof browser>
  beforeEach(async () => {
    world = await shardWorld()
    tab = browser()
  })

  /** A browser whose disk outlives its tabs. */
  function browser() {
    const key = keyPair(world.number())
    const disk = memoryShardDisk(20 * GIB)
    const index = memoryMetaDisk()
    const device = memoryMetaDisk()
    const reports: AppError[] = []
    const served: boolean[] = []
    const realm = { clock: world.clock, random: world.random, signatures, report: (error: AppError) => void reports.push(error), loadBlake3: async () => world.blake3 }
    return {
      key,
      index,
      reports,
      served,
      async open(): Promise<HostingPart> {
        const kept = {
          device: new MemoryMetaStore(device),
          openVault: async () => ({ shards: new MemoryShardStore(disk), meta: new MemoryMetaStore(index) }),
          persisted: async () => false,
        } satisfies Partial<BrowserStorage>
        const network = world.hub.join(key.name)
        const identity = { key: key.name, sign: async (message: Uint8Array) => signatures.sign(key.seed, message) }
        const peer = { network, records: world.records, identity, addresses: () => [], serveDht: async (on: boolean) => void served.push(on) } satisfies Partial<Peer>
        return openHosting(realm as unknown as PeerRealm, kept as unknown as BrowserStorage, peer as unknown as Peer, () => undefined)
      },
    }
  }

  async function found(): Promise<string[]> {
    const hosts: string[] = []
    for await (const { key } of world.peer().findHosts()) hosts.push(key)
    return hosts
  }

  async function visit(): Promise<ShardClient> {
    const network = world.peer()
    const stream = await network.open({ key: tab.key.name, addresses: [] }, SHARD_PROTOCOL)
    const { clock, blake3 } = world
    return openShardClient(stream, { hostKey: tab.key.name, selfKey: network.self, clock, blake3, signatures, tenant: keyPair(-1) })
  }

  it('is off at first: it is not found, and takes nothing', async () => {
    const hosting = await tab.open()
    expect(hosting.snapshot()).toMatchObject({ on: false, space: GIB, used: 0, shards: 0 })
    expect(await found()).toEqual([])
    expect(await (await visit()).offer([world.shard(1000)])).toEqual(['full'])
  })

  it('is found once it is switched on, holds what others store, and says how much', async () => {
    const hosting = await tab.open()
    await hosting.set(true, 2 * GIB)
    expect(await found()).toEqual([tab.key.name])
    const client = await visit()
    const shard = world.shard(100_000)
    await client.put(shard.root, shard.bytes)
    await client.commit([shard])
    expect(hosting.snapshot()).toMatchObject({ on: true, space: 2 * GIB, used: 100_000, shards: 1, guests: 1 })
  })

  it('goes on after a restart with what it held, by itself', async () => {
    const first = await tab.open()
    await first.set(true, 4 * GIB)
    const shard = world.shard(50_000)
    const client = await visit()
    await client.put(shard.root, shard.bytes)
    await client.commit([shard])
    await first.stop()
    world.hub.kill(tab.key.name)
    const second = await tab.open()
    expect(second.snapshot()).toMatchObject({ on: true, space: 4 * GIB, used: 50_000, shards: 1 })
    expect(await found()).toEqual([tab.key.name])
    expect(await (await visit()).get(shard.root)).toEqual(shard.bytes)
  })

  it('serves out what it promised after it was switched off, and takes nothing new', async () => {
    const hosting = await tab.open()
    await hosting.set(true, GIB)
    const client = await visit()
    const shard = world.shard(70_000)
    await client.put(shard.root, shard.bytes)
    const { receipt } = await client.commit([shard])
    await hosting.set(false, GIB)
    expect(await found()).toEqual([])
    expect(await client.get(shard.root)).toEqual(shard.bytes)
    await expect(client.renew(receipt.lease, [shard])).resolves.toBeDefined()
    expect(await client.offer([world.shard(1000)])).toEqual(['full'])
    await client.release(receipt.lease)
    expect(hosting.snapshot()).toMatchObject({ on: false, used: 0, shards: 0 })
  })

  it('refuses a space that the browser does not grant', async () => {
    const hosting = await tab.open()
    expect(hosting.snapshot().choices).toEqual([GIB, 2 * GIB, 4 * GIB, 8 * GIB, 16 * GIB])
    await expect(hosting.set(true, 3 * GIB)).rejects.toMatchObject({ kind: 'invalid', code: 'hosting.space' })
    await expect(hosting.set(true, 32 * GIB)).rejects.toMatchObject({ kind: 'invalid', code: 'hosting.space' })
    expect(hosting.snapshot().on).toBe(false)
  })

  it('answers for the DHT only after an hour of hosting, and no more once it is switched off', async () => {
    const hosting = await tab.open()
    await hosting.set(true, GIB)
    await world.clock.advance(59 * 60_000)
    expect(tab.served).toEqual([])
    await world.clock.advance(2 * 60_000)
    expect(tab.served).toEqual([true])
    await hosting.set(false, GIB)
    await world.clock.advance(1)
    expect(tab.served).toEqual([true, false])
  })

  it('of two quick changes the last one stands', async () => {
    const hosting = await tab.open()
    await Promise.all([hosting.set(true, 2 * GIB), hosting.set(false, GIB)])
    expect(hosting.snapshot()).toMatchObject({ on: false, space: GIB })
    expect(await found()).toEqual([])
  })

  it('that cannot read its vault says why, deletes nothing, and the session goes on', async () => {
    tab.index.entries.set('hold/broken', new Uint8Array([9]))
    const hosting = await tab.open()
    expect(hosting.snapshot()).toMatchObject({ on: false, problem: { code: 'vault.damaged' } })
    await expect(hosting.set(true, GIB)).rejects.toMatchObject({ code: 'vault.damaged' })
    await hosting.stop()
    expect(tab.index.entries.has('hold/broken')).toBe(true)
  })
})
