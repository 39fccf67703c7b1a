import { afterEach, describe, expect, test, vi } from 'vitest'
import { AppError } from '../../base/errors.ts'
import type { Head } from '../../formats/head.ts'
import { failureOf, storageWorld, type StorageWorld } from '../../testkit/storage-world.ts'
import { Heads } from './heads.ts'

vi.setConfig({ testTimeout: 60_000 })

const worlds: StorageWorld[] = []
afterEach(() => {
  for (const made of worlds.splice(0)) made.close()
})

const forever = new AbortController().signal

async function world(hosts: number) {
  const made = await storageWorld(0)
  worlds.push(made)
  const all = await made.hosts(hosts)
  const master = made.shards.random.bytes(32)
  /** A device of the account that has met all hosts. */
  const device = async (): Promise<Heads> => {
    const { swarm } = await made.device().start()
    await made.until(() => swarm.hosts.connected().length === hosts)
    return new Heads(master, swarm)
  }
  const headOf = (index: number, fields: Partial<Head> = {}): Head => {
    const device = made.shards.random.bytes(16)
    return { index, device, name: `device ${String(index)}`, written: 1, known: [], snapshot: undefined, segments: [], inline: made.shards.random.bytes(200), ...fields }
  }
  return { made: Object.assign(made, { master }), all, device, headOf }
}

describe('the heads of an account', () => {
  test('are none at first, and then all that were published, for a device that knows none of the others', async () => {
    const { device, headOf } = await world(4)
    const first = await device()
    expect(await first.find([], forever)).toMatchObject({ heads: [], free: [0, 1, 2], unread: [] })
    const heads = [headOf(0), headOf(1), headOf(2)]
    for (const head of heads) await first.publish(head, 0, forever)
    const found = await (await device()).find([], forever)
    expect(found.heads.map(({ head }) => head)).toEqual(heads)
    expect(found).toMatchObject({ free: [3, 4, 5], unread: [] })
  })

  test('far beyond the others are found when another names them', async () => {
    const { device, headOf } = await world(3)
    const first = await device()
    const far = headOf(9)
    const sequence = await first.publish(far, 0, forever)
    await first.publish(headOf(0, { known: [{ index: 9, sequence, contained: false }] }), 0, forever)
    expect((await (await device()).find([], forever)).heads.map(({ head }) => head.index)).toEqual([0, 9])
  })

  test('are replaced by newer ones of their device only, whatever hosts missed, and are kept when the DHT forgets', async () => {
    const { device, headOf, made, all } = await world(4)
    const first = await device()
    const old = await first.publish(headOf(0), 0, forever)
    all[0]?.kill()
    const newer = headOf(0)
    expect(await first.publish(newer, old, forever)).toBeGreaterThan(old)
    await all[0]?.start()
    made.shards.dht.held.clear()
    const found = await (await device()).find([], forever)
    expect(found.heads.map(({ head }) => head)).toEqual([newer])
  })

  test('of which one cannot be had are found all the same, and it is told which is missing', async () => {
    const { device, headOf, made, all } = await world(3)
    const first = await device()
    await first.publish(headOf(0), 0, forever)
    await first.publish(headOf(1), 0, forever)
    // Every host forgets the object of the second: what is left is a record that names it.
    const second = await first.get(1, forever)
    const { length } = second.head.inline
    for (const host of all) {
      for (const [key, value] of host.metaDisk.entries) if (value.length > length) host.metaDisk.entries.delete(key)
    }
    for (const head of [0, 1]) expect((await failureOf(first.get(head, forever))).kind).toBe('transient')
    const found = await first.find([], forever)
    expect(found.heads).toEqual([])
    expect(found.unread.map(({ index, error }) => [index, error.code])).toEqual([[0, 'head.unreachable'], [1, 'head.unreachable']])
    expect(made.shards.dht.held.size).toBe(2)
  })

  test('are looked for among a few names only while nobody can be reached, and nothing is proved then', async () => {
    const { device, made, all } = await world(2)
    const heads = await device()
    for (const host of all) host.kill()
    made.shards.dht.servers = 0
    const found = await heads.find([], forever)
    expect(found).toMatchObject({ heads: [], free: [] })
    expect(found.unread.map(({ index, error }) => [index, error.code])).toEqual([0, 1, 2].map((index) => [index, 'record.unreachable']))
  })

  test('whose records are past their end by the clock of a device are not free to it', async () => {
    const { device, headOf, made } = await world(2)
    await (await device()).publish(headOf(0), 0, forever)
    const { swarm } = await made.device().start()
    await made.until(() => swarm.hosts.connected().length === 2)
    const { records } = made.shards
    const late = { ...swarm, records: { ...swarm.records, sign: records.sign.bind(records), publish: records.publish.bind(records), resolve: records.resolve.bind(records), open: () => Promise.reject(new AppError('absent', 'record.expired', 'past its end')) } }
    const found = await new Heads(made.master, late).find([], forever)
    expect(found.free).not.toContain(0)
  })

  test('that only came back count, not one that took their place while they were away', async () => {
    const { device, headOf, made, all } = await world(4)
    const first = await device()
    const lost = headOf(0)
    let sequence = 0
    for (let i = 0; i < 3; i++) sequence = await first.publish(lost, sequence, forever)
    for (const host of all) host.kill()
    made.shards.dht.held.clear()
    const others = await made.hosts(2)
    const { swarm } = await made.device().start()
    await made.until(() => swarm.hosts.connected().length === 2)
    const second = new Heads(made.master, swarm)
    expect((await second.find([], forever)).free).toContain(0)
    await second.publish(headOf(0), 0, forever)
    for (const host of all) await host.start()
    await made.until(() => swarm.hosts.connected().length === 4 + others.length)
    expect((await second.get(0, forever)).head).toEqual(lost)
  })

  test('are published on hosts or not at all', async () => {
    const { device, headOf, all } = await world(2)
    const heads = await device()
    for (const host of all) host.kill()
    expect(await failureOf(heads.publish(headOf(0), 0, forever))).toMatchObject({ kind: 'transient', code: 'hosts.none' })
  })

  test('of two devices with one index leave one, and the other is told', async () => {
    const { device, headOf } = await world(3)
    const [first, second] = [await device(), await device()]
    const taken = await first.publish(headOf(0), 2 ** 50, forever)
    expect(await failureOf(second.publish(headOf(0), 0, forever))).toMatchObject({ kind: 'denied', code: 'head.taken' })
    expect((await second.get(0, forever)).sequence).toBe(taken)
  })
})
