import { Record as DhtRecord } from '@libp2p/kad-dht'
import { multiaddr } from '@multiformats/multiaddr'
import { MemoryDatastore } from 'datastore-core'
import { Key } from 'interface-datastore'
import { base32 } from 'multiformats/bases/base32'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keyFromSeed } from '../core/seal/ed25519.ts'
import type { PeerNode } from './assembly.ts'
import { routingTable, tableReady } from './dht.ts'
import type { HostPeer } from './host.ts'
import type { Peer } from './peer.ts'
import { routingKey, signRecord } from './record-format.ts'
import { webSocketAddress } from './relay-info.ts'
import { systemRandom } from './system.ts'
import { bareNode, makeWorld, until, type World } from './test-world.ts'

const MONTH = 30 * 86_400_000
const at = (name: Uint8Array) => new Key(`/dht/record/${base32.baseEncode(routingKey(name))}`, false)

/** What a hostile server holds: under some keys what it wants to say, whatever it is sent. */
class Hostile extends MemoryDatastore {
  private readonly lies = new Map<string, Uint8Array>()

  lie(name: Uint8Array, record: Uint8Array): void {
    this.lies.set(at(name).toString(), new DhtRecord(routingKey(name), record, new Date()).serialize())
  }

  override has(key: Key): boolean {
    return this.lies.has(key.toString()) || (super.has(key) as boolean)
  }

  override get(key: Key): Uint8Array {
    return this.lies.get(key.toString()) ?? (super.get(key) as Uint8Array)
  }

  override put(key: Key, value: Uint8Array): Key {
    if (this.lies.has(key.toString())) throw new Error('it keeps to its lie')
    return super.put(key, value) as Key
  }
}

/** A fresh name, and what its owner signs. */
function named() {
  const seed = systemRandom.bytes(32)
  const sign = (sequence: number, value = '/shoal/locker/1/AA') => signRecord(seed, { value, sequence: BigInt(sequence), expires: Date.now() + MONTH })
  return { name: keyFromSeed(seed), sign }
}

/** All that a hostile node may say instead of `right`, and nobody may believe. */
async function lies(right: Uint8Array): Promise<readonly (readonly [string, Uint8Array])[]> {
  return [
    ['a flipped bit', right.map((byte, i) => (i === right.length - 1 ? byte ^ 1 : byte))],
    ['the tombstone of another owner', await named().sign(99, '/shoal/gone/1')],
    ['much', new Uint8Array(200_000).fill(1)],
    ['a record with much behind it', Uint8Array.of(...right, 0x7a, 0x80, 0x20, ...systemRandom.bytes(4096))],
    ['no record', systemRandom.bytes(100)],
    ['no bytes', new Uint8Array()],
  ]
}

describe('records among hostile servers of the DHT', () => {
  let world: World
  let honest: HostPeer
  let owner: Peer
  let reader: Peer
  const evil = new Hostile()
  const plain = new MemoryDatastore()

  beforeAll(async () => {
    world = await makeWorld()
    honest = await world.host(plain)
    await world.host(evil)
    ;[owner, reader] = [await world.client(), await world.client()]
    // Everybody has met everybody once a look-up of either reaches all three servers.
    for (const peer of [owner, reader, honest]) {
      await until(async () => {
        const { name, sign } = named()
        return (await peer.records.publish(name, await sign(1))) === (peer === honest ? 2 : 3)
      })
    }
  })
  afterAll(() => world.close())

  it('the right one is found beside each lie', { timeout: 120_000 }, async () => {
    const { name, sign } = named()
    const right = await sign(2)
    await owner.records.publish(name, right)
    for (const [, lie] of [...(await lies(right)), ['an older one', await sign(1)] as const]) {
      evil.lie(name, lie)
      expect(await reader.records.resolve(name)).toEqual(right)
    }
  })

  it('a lie is no record, where nobody has one', { timeout: 120_000 }, async () => {
    const { name, sign } = named()
    for (const [, lie] of await lies(await sign(2))) {
      evil.lie(name, lie)
      await expect(reader.records.resolve(name)).rejects.toMatchObject({ kind: 'absent', code: 'record.absent' })
    }
  })

  it('a tombstone is found beside a server that says a higher sequence, and stays with all that it is said to', async () => {
    const { name, sign } = named()
    const [gone, live] = [await sign(1, '/shoal/gone/1'), await sign(9)]
    await owner.records.publish(name, gone)
    evil.lie(name, live)
    expect(await reader.records.resolve(name)).toEqual(gone)
    // The hostile one takes it, as it always has.
    expect(await (await world.client()).records.publish(name, live)).toBeLessThan(2)
    expect(await reader.records.resolve(name)).toEqual(gone)
  })

  it('a host that was off for long and publishes what it holds changes nothing for others, nor for itself once it knows better', async () => {
    const { name, sign } = named()
    const [older, newer] = [await sign(1), await sign(2)]
    await owner.records.publish(name, newer)
    await plain.delete(at(name))
    expect(await honest.records.publish(name, older)).toBe(0)
    expect(await reader.records.resolve(name)).toEqual(newer)
    expect(await honest.records.resolve(name)).toEqual(newer)
    await until(() => plain.has(at(name)) && Buffer.from(DhtRecord.deserialize(plain.get(at(name)) as Uint8Array).value).equals(newer))
    expect(await honest.records.publish(name, older)).toBe(0)
  })

  it('what a server of the DHT holds itself counts for its own look-ups', async () => {
    const { name, sign } = named()
    const [older, newer] = [await sign(1), await sign(2)]
    await owner.records.publish(name, older)
    void plain.put(at(name), new DhtRecord(routingKey(name), newer, new Date()).serialize())
    expect(await honest.records.resolve(name)).toEqual(newer)
  })

  it('nobody keeps a lie that it is sent, in the place of a right one or alone', { timeout: 120_000 }, async () => {
    const liar = await bareNode()
    try {
      await liar.dial(multiaddr(`${webSocketAddress('127.0.0.1', world.relay.port)}/p2p/${world.relay.peer.peer}`))
      await tableReady(routingTable(liar.services.dht), AbortSignal.timeout(10_000))
      const { name, sign } = named()
      const [right, stranger] = [await sign(2), named()]
      await owner.records.publish(name, right)
      const held = plain.get(at(name)) as Uint8Array
      expect(await push(liar, stranger.name, await stranger.sign(1))).toBeGreaterThan(0)
      const unheard = named()
      for (const [, lie] of await lies(right)) {
        expect(await push(liar, name, lie)).toBe(0)
        expect(await push(liar, unheard.name, lie)).toBe(0)
      }
      expect(plain.get(at(name))).toEqual(held)
      expect(plain.has(at(unheard.name))).toBe(false)
    } finally {
      await liar.stop()
    }
  })
})

/** Sends a record to those who should keep it, unchecked. Resolves to how many took it. */
async function push(node: PeerNode, name: Uint8Array, record: Uint8Array): Promise<number> {
  let took = 0
  try {
    for await (const event of node.services.dht.put(routingKey(name), record, { signal: AbortSignal.timeout(10_000) })) {
      if (event.name === 'PEER_RESPONSE' && event.messageName === 'PUT_VALUE' && event.record !== undefined) took++
    }
  } catch {
    // A server that resets the stream took nothing.
  }
  return took
}
