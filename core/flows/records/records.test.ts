import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { fromHex, toHex, type Bytes } from '../../base/bytes.ts'
import type { AppError } from '../../base/errors.ts'
import type { FileRecord } from '../../formats/list.ts'
import { linkKeys } from '../../account/keys.ts'
import * as ed25519 from '../../seal/ed25519.ts'
import { failureOf, storageWorld, type StorageWorld } from '../../testkit/storage-world.ts'
import { keyPair, type KeyPair, type MemoryHost } from '../../testkit/shard-world.ts'
import { Hosts } from '../hosts/hosts.ts'
import { makePool } from '../hosts/pools.ts'
import { Search } from '../hosts/search.ts'
import { Journal } from '../journal.ts'
import { Publisher, type PublisherDeps } from '../link/publisher.ts'
import type { FileEntry } from '../list/entry.ts'
import { MemoryMetaStore } from '../../testkit/memory-meta-store.ts'
import { resolveRecord } from './lookup.ts'
import { objectOf } from './object.ts'
import { placeRecord } from './place.ts'

vi.setConfig({ testTimeout: 60_000 })

const DAY = 86_400_000
const LOCKER = '/shoal/locker/1/AAECAw'
const GONE = '/shoal/gone/1'
const NONE = new Uint8Array()
const { signal } = new AbortController()

describe('records on hosts and in the DHT', () => {
  let made: StorageWorld
  let owner: KeyPair
  const closing: (() => Promise<void>)[] = []

  beforeEach(async () => {
    made = await storageWorld()
    owner = keyPair(made.shards.number())
  })
  afterEach(async () => {
    await Promise.all(closing.splice(0).map((close) => close()))
    made.close()
  })

  /** A peer that looks for hosts, and may put. */
  function peer() {
    const { random, blake3, records } = made.shards
    const stop = new AbortController()
    const seed = random.bytes(32)
    const keys = { tenantSecret: seed, seal: seed, dedup: seed, cut: seed }
    const base = { network: made.shards.peer(), records, coder: made.coder, clock: made.clock(), random, blake3, signatures: ed25519 }
    const pool = makePool(base, () => keys, () => { hosts.changed.ring() })
    const hosts = new Hosts({ pool, journal: new Journal(new MemoryMetaStore()), clock: base.clock })
    const search = new Search({ network: base.network, hosts, clock: base.clock })
    const running = search.run(stop.signal).catch(() => undefined)
    closing.push(async () => {
      stop.abort()
      await running
      await pool.close()
    })
    return { ...base, hosts, search }
  }

  function sign(value: string, sequence: number, life = DAY): Promise<Bytes> {
    return made.shards.records.sign(owner.seed, { value, sequence: BigInt(sequence), expires: made.shards.clock.now() + life })
  }

  /** Places what the owner signs, on `hosts` alone unless the DHT is to have it. */
  async function place(hosts: readonly MemoryHost[], value: string, sequence: number, bytes = NONE) {
    const record = await sign(value, sequence)
    return { record, placed: await placeRecord({ name: owner.key, record, bytes }, hosts.map(({ key }) => key.name), peer(), signal) }
  }

  const wipeDht = () => { made.shards.dht.held.clear() }

  test('a record that was placed is told by holders and DHT, and each of both suffices to find it', async () => {
    const hosts = await made.hosts(2)
    const { record, placed } = await place(hosts, LOCKER, 1)
    expect(placed).toEqual({ holders: hosts.map(({ key }) => key.name), refused: [], servers: 1 })
    const found = { view: { value: LOCKER, sequence: 1n, expires: expect.any(Number) as number }, record, objects: [] }
    wipeDht()
    expect(await resolveRecord(owner.key, peer(), signal)).toEqual(found)
    await made.shards.records.publish(owner.key, record)
    for (const host of hosts) host.kill()
    expect(await resolveRecord(owner.key, peer(), signal)).toEqual(found)
  })

  test('the newest of what all have is found, and a tombstone before it', async () => {
    const [first, second, third] = await made.hosts(3)
    await place([first!], LOCKER, 1)
    await place([second!], `${LOCKER}x`, 2)
    wipeDht()
    const asked = peer()
    await asked.search.settled(3, signal)
    expect((await resolveRecord(owner.key, asked, signal)).view.sequence).toBe(2n)
    await place([third!], GONE, 0)
    wipeDht()
    expect((await resolveRecord(owner.key, asked, signal)).view.value).toBe(GONE)
  })

  test('an object comes along, or is had from the holders that the record names', async () => {
    const [holder] = await made.hosts(1)
    const object = made.shards.random.bytes(900)
    const value = { kind: 'object', name: made.shards.blake3.hash(object), holders: [fromHex(holder!.key.name)] } as const
    const path = `/shoal/object/1/${toHex(value.name)}`
    await place([holder!], path, 1, object)
    const asked = peer()
    const { view, objects } = await resolveRecord(owner.key, asked, signal)
    expect(view.value).toBe(path)
    expect(await objectOf({ record: owner.key, value }, objects, asked, signal)).toEqual(object)
    expect(await objectOf({ record: owner.key, value }, [made.shards.random.bytes(900)], asked, signal)).toEqual(object)
    const other = { ...value, name: made.shards.random.bytes(32) }
    expect(await objectOf({ record: owner.key, value: other }, [object], asked, signal)).toBeUndefined()
  })

  test('absence is proven by the DHT only: hosts that have none do not suffice, and nobody is not an answer', async () => {
    expect(await failureOf(resolveRecord(owner.key, peer(), signal))).toMatchObject({ kind: 'absent', code: 'record.absent' })
    await made.hosts(2)
    expect(await failureOf(resolveRecord(owner.key, peer(), signal))).toMatchObject({ kind: 'absent', code: 'record.absent' })
    made.shards.dht.servers = 0
    expect(await failureOf(resolveRecord(owner.key, peer(), signal))).toMatchObject({ kind: 'transient', code: 'record.unreachable' })
  })

  test('a record that has ended is no proof that there is none', async () => {
    await made.shards.records.publish(owner.key, await sign(LOCKER, 1, 1000))
    const ended = made.shards.clock.now() + 1000
    await made.until(() => made.shards.clock.now() > ended)
    expect(await failureOf(resolveRecord(owner.key, peer(), signal))).toMatchObject({ kind: 'transient', code: 'record.unreachable' })
  })

  test('forged answers of hosts count for nothing', async () => {
    const [liar] = await made.hosts(1)
    const stranger = keyPair(made.shards.number())
    const forged = await made.shards.records.sign(stranger.seed, { value: GONE, sequence: 9n, expires: made.shards.clock.now() + DAY })
    vi.spyOn(liar!.vault.objects, 'get').mockImplementation(async () => ({ record: forged, bytes: NONE }))
    const asked = peer()
    await asked.search.settled(1, signal)
    expect(await failureOf(resolveRecord(owner.key, asked, signal))).toMatchObject({ kind: 'absent' })
    const { record } = await place([], LOCKER, 1)
    expect((await resolveRecord(owner.key, asked, signal)).record).toEqual(record)
  })

  test('who did not take a record is told, and why', async () => {
    const [ended, ahead, dead, fresh] = await made.hosts(4)
    await place([ended!], GONE, 1)
    await place([ahead!], LOCKER, 9)
    wipeDht()
    dead!.kill()
    made.shards.dht.servers = 0
    const { placed } = await place([ended!, ahead!, dead!, fresh!], LOCKER, 5)
    expect(placed.holders).toEqual([fresh!.key.name])
    expect(placed.refused.map(({ host, error }) => [host, error.code])).toEqual([
      [ended!.key.name, 'record.ended'],
      [ahead!.key.name, 'record.older'],
      [dead!.key.name, 'peer.unreachable'],
    ])
    expect(placed.servers).toBe(0)
  })

  test('a look-up and a placement end when they are cancelled', async () => {
    made.shards.dht.servers = 0
    const stop = new AbortController()
    const looking = failureOf(resolveRecord(owner.key, peer(), stop.signal))
    const placing = failureOf(placeRecord({ name: owner.key, record: await sign(LOCKER, 1), bytes: NONE }, [keyPair(9).name], peer(), stop.signal))
    stop.abort()
    expect(await looking).toMatchObject({ kind: 'aborted' })
    expect(await placing).toMatchObject({ kind: 'aborted' })
  })

  test('a file whose link was taken back elsewhere is not published under it again', async () => {
    const hosts = await made.hosts(2)
    const link = made.shards.random.bytes(32)
    const { recordSeed, recordName } = await linkKeys(link)
    owner = { seed: recordSeed, key: recordName, name: toHex(recordName) }
    await place(hosts, GONE, 1)
    const asked = peer()
    await asked.search.settled(2, signal)
    const publisher = new Publisher({ ...asked, wanted: 2 } as unknown as PublisherDeps)
    const record = { name: 'a', type: '', size: 3, modified: 1, link, inline: Uint8Array.of(1, 2, 3) } as unknown as FileRecord
    const publishing = publisher.publish({ record } as unknown as FileEntry, link, () => Promise.resolve(), signal)
    const error = await failureOf(publishing)
    expect(error).toMatchObject({ kind: 'denied', code: 'link.ended' })
    expect((error.cause as AppError).code).toBe('record.ended')
  })
})
