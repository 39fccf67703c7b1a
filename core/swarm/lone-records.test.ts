import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, utf8, type Bytes } from '../base/bytes.ts'
import { isAppError } from '../base/errors.ts'
import { settle } from '../testkit/fake-clock.ts'
import { keyPair, shardWorld, type MemoryHost, type ShardWorld } from '../testkit/shard-world.ts'
import { VaultBench } from '../testkit/vault-bench.ts'
import { EXPIRY_GRACE, LEAST_COUNTED } from './limits.ts'
import { keepRecords } from './record-keeper.ts'
import { decodeObject, encodeObject } from './vault-index.ts'

const DAY = 86_400_000
const LOCKER = '/shoal/locker/1/AAECAw'
const GONE = '/shoal/gone/1'
const NONE = new Uint8Array()
const owner = keyPair(500)

async function scene(offered?: number) {
  const world = await shardWorld()
  const host = await world.host(offered === undefined ? {} : { offered })
  const client = await world.client(host)
  return { world, host, client }
}

function sign(world: ShardWorld, value: string, sequence: number, { life = DAY, key = owner } = {}): Promise<Bytes> {
  return world.records.sign(key.seed, { value, sequence: BigInt(sequence), expires: world.clock.now() + life })
}

async function published(world: ShardWorld, host: MemoryHost): Promise<Bytes | undefined> {
  const stop = new AbortController()
  const keeping = keepRecords({ objects: host.vault.objects, records: world.records, clock: world.clock, report: (error) => expect.unreachable(error.code) }, stop.signal)
  await settle()
  stop.abort()
  await keeping
  return world.dht.held.get(owner.name)
}

describe('a record that stands for itself', () => {
  test('is kept, given to anybody, published, and there after a restart', async () => {
    const { world, host, client } = await scene()
    const record = await sign(world, LOCKER, 1)
    await client.putObject(owner.key, record, NONE)
    await client.putObject(owner.key, record, NONE)
    const stranger = await world.client(host, null)
    expect(await stranger.getObject(owner.key)).toEqual({ record, bytes: NONE })
    await host.restart()
    expect(await (await world.client(host, null)).getObject(owner.key)).toEqual({ record, bytes: NONE })
    expect(await published(world, host)).toEqual(record)
  })

  test('counts with its bytes against the room, after a restart too, and no more once it is a tombstone', async () => {
    const { world, host, client } = await scene()
    const record = await sign(world, LOCKER, 1)
    await client.putObject(owner.key, record, NONE)
    expect(await host.vault.usage()).toMatchObject({ used: record.length, objects: 1, tenants: 1 })
    await host.restart()
    expect(await host.vault.usage()).toMatchObject({ used: record.length, objects: 1, tenants: 1 })
    await (await world.client(host)).putObject(owner.key, await sign(world, GONE, 2), NONE)
    expect(await host.vault.usage()).toMatchObject({ used: 0, objects: 1 })
  })

  test('is replaced by a newer one only', async () => {
    const { world, client } = await scene()
    const [older, newer] = [await sign(world, LOCKER, 1), await sign(world, `${LOCKER}x`, 2)]
    await client.putObject(owner.key, newer, NONE)
    await expect(client.putObject(owner.key, older, NONE)).rejects.toMatchObject({ kind: 'denied', code: 'record.older' })
    expect(await client.getObject(owner.key)).toEqual({ record: newer, bytes: NONE })
  })

  test('is forgotten some time after its end of life, and not before', async () => {
    const { world, host, client } = await scene()
    await client.putObject(owner.key, await sign(world, LOCKER, 1), NONE)
    world.clock.jump(world.clock.now() + DAY + EXPIRY_GRACE * 1000 - 1000)
    await host.vault.sweep()
    expect((await host.vault.usage()).objects).toBe(1)
    world.clock.jump(world.clock.now() + 3000)
    await host.vault.sweep()
    expect(await host.vault.usage()).toMatchObject({ used: 0, objects: 0, tenants: 0 })
  })

  test.each([LOCKER, '/shoal/locker/2', '/shoal/tide-table/12/x/y', '/shoal/object/2/later', '/shoal/gone/2'])('may say %s, and comes without an object', async (value) => {
    const { world, client } = await scene()
    const record = await sign(world, value, 1)
    await expect(client.putObject(owner.key, record, Uint8Array.of(1))).rejects.toMatchObject({ kind: 'corrupt', code: 'object.wrong-hash' })
    await client.putObject(owner.key, record, NONE)
    expect(await client.getObject(owner.key)).toEqual({ record, bytes: NONE })
  })

  test.each(['/ipfs/x', '/shoal', '/shoal/', '/shoal/locker', '/shoal/locker/', '/shoal/locker/0', '/shoal/locker/1x', '/shoal/Locker/1', '/shoal//1', '/shoal/object/1', '/shoal/gone/1/more'])(
    'does not say %s',
    async (value) => {
      const { world, client } = await scene()
      await expect(client.putObject(owner.key, await sign(world, value, 1), NONE)).rejects.toMatchObject({ kind: 'invalid' })
      await expect(client.getObject(owner.key)).rejects.toMatchObject({ code: 'object.absent' })
    },
  )

  test('of a link without its object is refused', async () => {
    const { world, client } = await scene()
    await expect(client.putObject(owner.key, await sign(world, `/shoal/object/1/${'0'.repeat(64)}`, 1), NONE)).rejects.toMatchObject({ code: 'object.wrong-hash' })
  })

  test('is put by a tenant only, and only as the key of its name signed it', async () => {
    const { world, host, client } = await scene()
    const record = await sign(world, LOCKER, 1)
    await expect((await world.client(host, null)).putObject(owner.key, record, NONE)).rejects.toMatchObject({ kind: 'denied', code: 'tenant.required' })
    await expect(client.putObject(keyPair(501).key, record, NONE)).rejects.toMatchObject({ code: 'record.forged' })
    expect((await host.vault.usage()).objects).toBe(0)
  })

  test('finds no room on a full host, where those that are there are still renewed and ended', async () => {
    const { world, client } = await scene(2 * 3 * LEAST_COUNTED)
    const keys = [1, 2, 3, 4].map((i) => keyPair(600 + i))
    const put = async (i: number, value: string, sequence: number) => client.putObject(keys[i]!.key, await sign(world, value, sequence, { key: keys[i]! }), NONE)
    for (const i of [0, 1, 2]) await put(i, LOCKER, 1)
    await expect(put(3, LOCKER, 1)).rejects.toMatchObject({ kind: 'quota', code: 'host.full' })
    await put(0, LOCKER, 2)
    await put(1, GONE, 2)
    await expect(put(3, LOCKER, 1)).rejects.toMatchObject({ code: 'host.full' })
  })
})

describe('a tombstone on a host', () => {
  test('takes the place of a record with a higher sequence, and gives it to none, also after a restart', async () => {
    const { world, host, client } = await scene()
    const gone = await sign(world, GONE, 1)
    await client.putObject(owner.key, await sign(world, LOCKER, 9), NONE)
    await client.putObject(owner.key, gone, NONE)
    await client.putObject(owner.key, gone, NONE)
    await host.restart()
    const again = await world.client(host)
    const { root, bytes } = world.shard(100)
    await expect(again.putObject(owner.key, await sign(world, LOCKER, 99), NONE)).rejects.toMatchObject({ kind: 'denied', code: 'record.ended' })
    const object = await sign(world, `/shoal/object/1/${Buffer.from(root).toString('hex')}`, 99)
    await expect(again.putObject(owner.key, object, bytes)).rejects.toMatchObject({ kind: 'denied', code: 'record.ended' })
    expect(await again.getObject(owner.key)).toEqual({ record: gone, bytes: NONE })
  })

  test('can be followed by one that lives longer, but not by one of before', async () => {
    const { world, client } = await scene()
    const [first, second] = [await sign(world, GONE, 1), await sign(world, GONE, 2, { life: 9 * DAY })]
    await client.putObject(owner.key, first, NONE)
    await client.putObject(owner.key, second, NONE)
    await expect(client.putObject(owner.key, first, NONE)).rejects.toMatchObject({ code: 'record.older' })
    expect((await client.getObject(owner.key)).record).toEqual(second)
  })
})

test('hosts that got the same records in any order keep the same one', async () => {
  const record = fc.record({ gone: fc.boolean(), alone: fc.boolean(), sequence: fc.bigInt({ min: 0n, max: 2n }), mark: fc.integer({ min: 0, max: 3 }) })
  const orders = fc.array(record, { minLength: 1, maxLength: 5 }).chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })))
  const name = new Uint8Array(32)
  const kept = async (arriving: readonly { gone: boolean; alone: boolean; sequence: bigint; mark: number }[]) => {
    const { objects } = await new VaultBench().open()
    for (const { gone, alone, sequence, mark } of arriving) {
      const bytes = gone || alone ? NONE : Uint8Array.of(7)
      // What a record says is part of its bytes.
      const put = objects.put({ tenant: name, name, record: utf8(`${String(gone)}${String(alone)}${String(sequence)}${String(mark)}`), sequence, expires: 2e9, bytes, alone: alone && !gone })
      await put.catch((error: unknown) => {
        if (!isAppError(error, 'denied')) throw error
      })
    }
    return objects.get(name)
  }
  await fc.assert(
    fc.asyncProperty(orders, async ([one, other]) => {
      const held = await kept(one)
      expect(await kept(other)).toEqual(held)
      expect(new TextDecoder().decode(held.record).startsWith('true')).toBe(one.some(({ gone }) => gone))
    }),
  )
})

test('entries of the index from before are read: without bytes they are tombstones', () => {
  const [tenant, sequence] = [new Uint8Array(32).fill(3), new Uint8Array(8).fill(1)]
  const entry = (size: number) => concat([Uint8Array.of(1), tenant, Uint8Array.of(2, 8, 9), sequence, Uint8Array.of(5, size)])
  const held = { tenant, record: Uint8Array.of(8, 9), sequence, expires: 5 }
  expect(decodeObject(entry(0))).toEqual({ ...held, size: 0, alone: false })
  expect(decodeObject(entry(6))).toEqual({ ...held, size: 6, alone: false })
  const alone = { ...held, size: 0, alone: true }
  expect(encodeObject(alone)).toEqual(concat([Uint8Array.of(2), tenant, Uint8Array.of(2, 8, 9), sequence, Uint8Array.of(5)]))
  expect(decodeObject(encodeObject(alone))).toEqual(alone)
  expect(() => decodeObject(Uint8Array.of(3, ...entry(0).subarray(1)))).toThrow(expect.objectContaining({ code: 'vault.damaged' }) as Error)
})
