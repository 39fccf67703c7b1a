import { Record as DhtRecord } from '@libp2p/kad-dht'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { MemoryDatastore } from 'datastore-core'
import { Key } from 'interface-datastore'
import { beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../core/testkit/fake-clock.ts'
import { SeededRandom } from '../core/testkit/seeded-random.ts'
import { privateKeyFromSeed } from './identity.ts'
import { routingKey, signRecord } from './record-format.ts'
import { MAX_KEYS_PER_PROVIDER, MAX_PER_KEY, RecordStore } from './record-store.ts'

const HOUR = 3_600_000
const seed = new Uint8Array(32).fill(7)

describe('what kad-dht keeps', () => {
  let clock: FakeClock
  let inner: MemoryDatastore
  let store: RecordStore
  let self: string

  beforeEach(async () => {
    clock = new FakeClock()
    inner = new MemoryDatastore()
    self = await peerName(1)
    store = await RecordStore.open({ inner, clock, self, maxRecords: 2 })
  })

  async function peerName(n: number): Promise<string> {
    return peerIdFromPrivateKey(await privateKeyFromSeed(new Uint8Array(32).fill(n))).toString()
  }

  async function stored(sequence: bigint, value = '/x', received = clock.now(), expires = clock.now() + 1000 * HOUR): Promise<Uint8Array> {
    const name = (await privateKeyFromSeed(seed)).publicKey.raw
    return new DhtRecord(routingKey(name), await signRecord(seed, { value, sequence, expires }), new Date(received)).serialize()
  }

  const key = (name: string) => new Key(`/dht/record/${name}`)
  const provider = (cid: string, peer: string) => new Key(`/dht/provider/${cid}/${peer}`)
  const varint = (time: number) => {
    const bytes: number[] = []
    for (let rest = time; bytes.length === 0 || rest > 0; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | (rest >= 128 ? 128 : 0))
    return Uint8Array.from(bytes)
  }
  const entry = async (name: string) => {
    const { peerIdFromString } = await import('@libp2p/peer-id')
    return new Key(`/peers/${peerIdFromString(name).toCID().toString()}`)
  }
  const know = async (name: string) => inner.put(await entry(name), new Uint8Array(1))
  const held = (keys: readonly Key[]) => Promise.all(keys.map(async (at) => store.has(at)))
  const providersOf = async (cid: string) => {
    const found: string[] = []
    for await (const { key: at } of store.query({ prefix: `/dht/provider/${cid}` })) found.push(at.toString().split('/').at(-1)!)
    return found
  }

  it('a newer record takes the place of an older one, an older one never', async () => {
    await store.put(key('a'), await stored(5n))
    const newer = await stored(6n)
    await store.put(key('a'), newer)
    await expect(store.put(key('a'), await stored(5n))).rejects.toMatchObject({ kind: 'denied', code: 'record.older' })
    expect(await store.get(key('a'))).toEqual(newer)
  })

  it('the same record again is taken, as republishing needs', async () => {
    await store.put(key('a'), await stored(5n))
    const later = await stored(5n, '/x', clock.now() + HOUR, clock.now() + 1000 * HOUR)
    await store.put(key('a'), later)
    expect(await store.get(key('a'))).toEqual(later)
  })

  it('nothing takes the place of a tombstone, which takes that of any other, so that all orders of arrival end alike', async () => {
    const gone = await stored(1n, '/shoal/gone/1')
    const live = [await stored(5n), await stored(6n)]
    await store.put(key('a'), live[1]!)
    await store.put(key('a'), gone)
    for (const value of live) await expect(store.put(key('a'), value)).rejects.toMatchObject({ kind: 'denied', code: 'record.older' })
    expect(await store.get(key('a'))).toEqual(gone)
    await store.put(key('a'), gone)
  })

  it('of two of the same sequence the same one stays, whichever came first', async () => {
    const both = [await stored(5n, '/x'), await stored(5n, '/y')]
    for (const [name, order] of [['a', both], ['b', both.toReversed()]] as const) {
      for (const value of order) await store.put(key(name), value).catch((error: unknown) => expect(error).toMatchObject({ code: 'record.older' }))
    }
    expect(await store.get(key('a'))).toEqual(await store.get(key('b')))
  })

  it('a record past its end of life, and what is no record, keep nothing out', async () => {
    const last = await stored(9n, '/shoal/gone/1', clock.now(), clock.now() + HOUR)
    await store.put(key('a'), last)
    clock.jump(clock.now() + 2 * HOUR)
    const next = await stored(1n)
    await store.put(key('a'), next)
    await inner.put(key('b'), new SeededRandom(2).bytes(50))
    store = await RecordStore.open({ inner, clock, self, maxRecords: 2 })
    await store.put(key('b'), next)
    expect(await store.get(key('b'))).toEqual(next)
  })

  it('of two puts at the same time the newer one stays, in whatever order they come', async () => {
    const [older, newer] = [await stored(1n), await stored(2n)]
    await Promise.allSettled([store.put(key('a'), newer), store.put(key('a'), older)])
    expect(await store.get(key('a'))).toEqual(newer)
  })

  it('refuses what is no record', async () => {
    const random = new SeededRandom(1)
    await expect(store.put(key('a'), random.bytes(200))).rejects.toMatchObject({ code: 'record.malformed' })
    await expect(store.put(key('a'), new DhtRecord(new Uint8Array(4), new Uint8Array(20), new Date()).serialize())).rejects.toMatchObject({
      code: 'record.malformed',
    })
  })

  it('takes no more records than it has room for, and counts again after a restart and a sweep', async () => {
    await store.put(key('a'), await stored(1n))
    await store.put(key('b'), await stored(1n))
    await expect(store.put(key('c'), await stored(1n))).rejects.toMatchObject({ kind: 'quota', code: 'records.full' })
    store = await RecordStore.open({ inner, clock, self, maxRecords: 2 })
    await expect(store.put(key('c'), await stored(1n))).rejects.toMatchObject({ code: 'records.full' })
    clock.jump(clock.now() + 49 * HOUR)
    expect(await store.sweep()).toBe(2)
    await store.put(key('c'), await stored(1n))
    expect(await store.has(key('a'))).toBe(false)
  })

  it('sweeps records past their end of life, and keeps the others', async () => {
    await store.put(key('a'), await stored(1n, '/x', clock.now(), clock.now() + HOUR))
    await store.put(key('b'), await stored(1n))
    clock.jump(clock.now() + 2 * HOUR)
    expect(await store.sweep()).toBe(1)
    expect(await store.has(key('b'))).toBe(true)
  })

  it('serves providers that are fresh and known, so that one of them cannot fail the look-up for all', async () => {
    const [known, unknown, old] = [await peerName(2), await peerName(3), await peerName(4)]
    await know(known)
    await know(old)
    await store.put(provider('cid', known), varint(clock.now()))
    await store.put(provider('cid', unknown), varint(clock.now()))
    await store.put(provider('cid', old), varint(clock.now() - 3 * HOUR))
    await store.put(provider('cid', self), varint(clock.now() - 3 * HOUR))
    expect((await providersOf('cid')).sort()).toEqual([known, self].sort())
  })

  it('gives one peer only so many keys, and gives them back when they are deleted', async () => {
    const peer = await peerName(2)
    for (let i = 0; i < MAX_KEYS_PER_PROVIDER; i++) await store.put(provider(`cid${i}`, peer), varint(clock.now()))
    await expect(store.put(provider('more', peer), varint(clock.now()))).rejects.toMatchObject({ kind: 'quota', code: 'providers.full' })
    await store.put(provider('cid0', peer), varint(clock.now() + 1))
    await store.put(provider('more', await peerName(3)), varint(clock.now()))
    await store.delete(provider('cid0', peer))
    await store.put(provider('more', peer), varint(clock.now()))
  })

  it('takes only so many providers of one key, counts again after a restart, and lets those that are there renew', async () => {
    for (let n = 0; n < MAX_PER_KEY; n++) await store.put(provider('cid', `peer${n}`), varint(clock.now()))
    store = await RecordStore.open({ inner, clock, self })
    await expect(store.put(provider('cid', 'late'), varint(clock.now()))).rejects.toMatchObject({ kind: 'quota', code: 'providers.full' })
    await store.put(provider('cid', 'peer7'), varint(clock.now() + 1))
    await store.put(provider('other', 'late'), varint(clock.now()))
    await store.delete(provider('cid', 'peer7'))
    await store.put(provider('cid', 'late'), varint(clock.now()))
  })

  it('takes only so many provider entries in all', async () => {
    store = await RecordStore.open({ inner, clock, self, maxProviders: 2 })
    await store.put(provider('a', 'peer'), varint(clock.now()))
    await store.put(provider('b', 'peer'), varint(clock.now()))
    await expect(store.put(provider('c', 'other'), varint(clock.now()))).rejects.toMatchObject({ kind: 'quota', code: 'providers.full' })
  })

  it('keeps no more about one peer than an answer can carry a hundred times', async () => {
    await store.put(new Key('/peers/x'), new Uint8Array(16 * 1024))
    await expect(store.put(new Key('/peers/x'), new Uint8Array(16 * 1024 + 1))).rejects.toMatchObject({ kind: 'quota', code: 'peer.large' })
  })

  it('forgets the peers written longest ago when more came by than it keeps, but no provider and not itself, also after a restart', async () => {
    const names = await Promise.all([2, 3, 4, 5, 6].map(peerName))
    const [provides, old, renewed, late, latest] = await Promise.all(names.map(entry))
    const own = await entry(self)
    const open = () => RecordStore.open({ inner, clock, self, maxPeers: 2 })
    store = await open()
    await store.put(provider('cid', names[0]!), varint(clock.now()))
    for (const at of [own, provides!, old!, renewed!]) await store.put(at, Uint8Array.of(1))
    await store.put(old!, Uint8Array.of(2))
    await store.put(renewed!, Uint8Array.of(2))
    await store.put(late!, Uint8Array.of(1))
    expect(await held([own, provides!, old!, renewed!, late!])).toEqual([true, true, false, true, true])
    store = await open()
    await store.put(renewed!, Uint8Array.of(3))
    await store.put(latest!, Uint8Array.of(1))
    expect(await held([own, provides!, renewed!, late!, latest!])).toEqual([true, true, true, false, true])
  })

  it('a peer that was deleted takes up no room', async () => {
    const [first, second, third] = await Promise.all([2, 3, 4].map(async (n) => entry(await peerName(n))))
    store = await RecordStore.open({ inner, clock, self, maxPeers: 2 })
    await store.put(first!, Uint8Array.of(1))
    await store.put(second!, Uint8Array.of(1))
    await store.delete(second!)
    await store.put(third!, Uint8Array.of(1))
    expect(await held([first!, third!])).toEqual([true, true])
  })

  it('keeps no more bytes than an entry has, though the library hands it a small part of a large buffer', async () => {
    const shared = new Uint8Array(8192).subarray(100, 200)
    await store.put(await entry(await peerName(2)), shared)
    const [, value] = [...(inner as unknown as { data: Map<string, Uint8Array> }).data][0]!
    expect(value).toEqual(shared)
    expect(value.buffer.byteLength).toBe(100)
  })

  it('passes everything else through', async () => {
    await store.put(new Key('/peers/x'), Uint8Array.of(1))
    expect(inner.get(new Key('/peers/x'))).toEqual(Uint8Array.of(1))
    const batch = store.batch()
    batch.put(new Key('/other'), Uint8Array.of(2))
    await batch.commit()
    expect(await store.get(new Key('/other'))).toEqual(Uint8Array.of(2))
  })
})
