import { Record as DhtRecord } from '@libp2p/kad-dht'
import { MemoryDatastore } from 'datastore-core'
import { Key } from 'interface-datastore'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keyFromSeed } from '../core/seal/ed25519.ts'
import type { Peer } from './peer.ts'
import { systemRandom } from './system.ts'
import { makeWorld, until, type World } from './test-world.ts'

const YEAR = 31_536_000_000
/** A server that holds what it holds: nobody can correct it. */
class Stubborn extends MemoryDatastore {
  stubborn = false
  override put(key: Key, value: Uint8Array): Key {
    if (this.stubborn && key.toString().startsWith('/dht/record')) throw new Error('this disk is read-only')
    return super.put(key, value) as Key
  }
}

describe('records in the DHT', () => {
  let world: World
  let client: Peer
  let other: Peer
  const stale = new Stubborn()
  const plain = new MemoryDatastore()

  beforeAll(async () => {
    world = await makeWorld()
    await world.host(stale)
    await world.host(plain)
    client = await world.client()
    other = await world.client()
    const probe = keyFromSeed(systemRandom.bytes(32))
    // Everybody has met everybody once a look-up reaches all three servers.
    await until(async () => {
      const seed = systemRandom.bytes(32)
      const record = await client.records.sign(seed, { value: '/x', sequence: 1n, expires: Date.now() + YEAR })
      return (await client.records.publish(keyFromSeed(seed), record)) === 3
    })
    await expect(other.records.resolve(probe)).rejects.toMatchObject({ kind: 'absent' })
  })
  afterAll(() => world.close())

  async function named() {
    const seed = systemRandom.bytes(32)
    const name = keyFromSeed(seed)
    const make = (sequence: bigint) => client.records.sign(seed, { value: `/shoal/object/${String(sequence)}`, sequence, expires: Date.now() + YEAR })
    return { name, make }
  }

  it('what one peer publishes another resolves and opens', async () => {
    const { name, make } = await named()
    const record = await make(7n)
    expect(await client.records.publish(name, record)).toBe(3)
    expect(await other.records.resolve(name)).toEqual(record)
    expect(await other.records.open(name, record)).toMatchObject({ value: '/shoal/object/7', sequence: 7n })
  })

  it('an older record never replaces a newer one, and nobody says that it took it', async () => {
    const { name, make } = await named()
    const [older, newer] = [await make(1n), await make(2n)]
    await client.records.publish(name, newer)
    expect(await other.records.publish(name, older)).toBe(0)
    const fresh = await world.client()
    expect(await fresh.records.resolve(name)).toEqual(newer)
  })

  it('the newest is found although one server holds an older one and cannot be corrected', async () => {
    const { name, make } = await named()
    const [older, newer] = [await make(1n), await make(2n)]
    const before = new Set(await names(stale))
    await client.records.publish(name, newer)
    const [key] = (await names(stale)).filter((text) => !before.has(text))
    const wrapped = DhtRecord.deserialize(stale.get(new Key(key!)) as Uint8Array)
    stale.put(new Key(key!), new DhtRecord(wrapped.key, older, wrapped.timeReceived).serialize())
    stale.stubborn = true
    try {
      const fresh = await world.client()
      expect(await fresh.records.resolve(name)).toEqual(newer)
    } finally {
      stale.stubborn = false
    }
  })

  it('says absent when servers answered that they have none, and unreachable when nobody answered', async () => {
    const { name } = await named()
    await expect(other.records.resolve(name)).rejects.toMatchObject({ kind: 'absent', code: 'record.absent' })
    const alone = await world.client([])
    const signal = AbortSignal.timeout(200)
    await expect(alone.records.resolve(name, { signal })).rejects.toMatchObject({ kind: 'transient', code: 'record.unreachable' })
  })

  it('refuses a record that another key signed, one past its end of life, and one that is no record', async () => {
    const { name, make } = await named()
    const seed = systemRandom.bytes(32)
    await expect(client.records.open(keyFromSeed(seed), await make(1n))).rejects.toMatchObject({ kind: 'corrupt', code: 'record.forged' })
    const ended = await client.records.sign(seed, { value: '/x', sequence: 1n, expires: Date.now() - 1000 })
    await expect(client.records.open(keyFromSeed(seed), ended)).rejects.toMatchObject({ kind: 'absent', code: 'record.expired' })
    await expect(client.records.open(name, new Uint8Array(100))).rejects.toMatchObject({ kind: 'invalid', code: 'record.malformed' })
    await expect(client.records.open(name, new Uint8Array(11_000))).rejects.toMatchObject({ code: 'record.malformed' })
    await expect(client.records.open(new Uint8Array(31), await make(1n))).rejects.toMatchObject({ code: 'record.malformed' })
  })

  it('a value of 4 KiB fits, as one that lists 20 holders must', async () => {
    const seed = systemRandom.bytes(32)
    const view = { value: `/${'x'.repeat(4095)}`, sequence: 1_760_000_000_000n, expires: Date.UTC(2027, 0, 1) }
    const record = await client.records.sign(seed, view)
    expect(record.length).toBeLessThan(4600)
    expect(await client.records.open(keyFromSeed(seed), record)).toEqual(view)
  })
})

async function names(store: MemoryDatastore): Promise<string[]> {
  const found: string[] = []
  for await (const key of store.queryKeys({ prefix: '/dht/record' })) found.push(key.toString())
  return found
}
