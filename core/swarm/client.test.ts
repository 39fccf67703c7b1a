import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SeededRandom } from '../testkit/seeded-random.ts'
import { keyPair, shardWorld } from '../testkit/shard-world.ts'
import { settle } from '../testkit/fake-clock.ts'

describe('a client and a host', () => {
  test('a shard that was put and committed comes back, and its receipt names it', async () => {
    const world = await shardWorld()
    const host = await world.host()
    const client = await world.client(host)
    const shard = world.shard(420_000)
    expect(await client.offer([shard])).toEqual(['send'])
    await client.put(shard.root, shard.bytes)
    expect(await client.offer([shard])).toEqual(['staged'])
    const { receipt } = await client.commit([shard])
    expect(receipt.shards).toEqual([{ root: shard.root, size: 420_000 }])
    expect(receipt.expires - receipt.issued).toBe(180 * 86_400)
    expect(await client.has([shard.root, world.shard(5).root])).toEqual(['leased', 'none'])
    const reader = await world.client(host, null)
    expect(await reader.get(shard.root)).toEqual(shard.bytes)
  })

  test('any range of a shard comes back exactly, and is proved', async () => {
    const world = await shardWorld()
    const client = await world.client(await world.host())
    const shard = world.shard(100_001)
    await client.put(shard.root, shard.bytes)
    for (const [offset, length] of [[0, 1], [0, 100_001], [1023, 2], [1024, 1024], [99_999, 2], [5000, 60_000]] as const) {
      expect(await client.get(shard.root, { offset, length })).toEqual(shard.bytes.slice(offset, offset + length))
    }
    expect(await client.get(shard.root, { offset: 3, length: 0 })).toHaveLength(0)
    await expect(client.get(shard.root, { offset: 100_000, length: 2 })).rejects.toMatchObject({ kind: 'invalid', code: 'shard.range' })
    await expect(client.get(world.shard(10).root)).rejects.toMatchObject({ kind: 'absent', code: 'shard.absent', data: { peer: client.host } })
  })

  test('any interleaving of puts and gets delivers the right bytes, however the stream is cut up', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.array(fc.integer({ min: 1, max: 300_000 }), { minLength: 1, maxLength: 12 }), async (seed, sizes) => {
        const cuts = new SeededRandom(seed)
        const world = await shardWorld({ seed, streams: { chunk: () => cuts.integer(1, 30_000), buffer: cuts.integer(1, 200_000) } })
        const host = await world.host()
        const client = await world.client(host)
        const reader = await world.client(host, null)
        await Promise.all(
          sizes.map(async (size) => {
            const { root, bytes } = world.shard(size)
            await client.put(root, bytes)
            const offset = cuts.integer(0, size - 1)
            const length = cuts.integer(1, size - offset)
            const [whole, part] = await Promise.all([client.get(root), reader.get(root, { offset, length })])
            expect(whole).toEqual(bytes)
            expect(part).toEqual(bytes.slice(offset, offset + length))
          }),
        )
      }),
      { numRuns: 15 },
    )
  })

  test('two hundred requests at once wait their turn and are all answered', async () => {
    const world = await shardWorld()
    const client = await world.client(await world.host())
    const shards = Array.from({ length: 200 }, () => world.shard(3000))
    await Promise.all(shards.map(({ root, bytes }) => client.put(root, bytes)))
    const got = await Promise.all(shards.map(({ root }) => client.get(root)))
    expect(got).toEqual(shards.map(({ bytes }) => bytes))
    expect(client.open).toBe(0)
  })

  test('shards of 2 MiB, larger than the window, pass in both directions', async () => {
    const world = await shardWorld()
    const client = await world.client(await world.host())
    const shards = Array.from({ length: 5 }, () => world.shard(2 * 1024 * 1024))
    await Promise.all(shards.map(({ root, bytes }) => client.put(root, bytes)))
    expect(await Promise.all(shards.map(({ root }) => client.get(root)))).toEqual(shards.map(({ bytes }) => bytes))
  })

  test('more entries than one frame names are offered in parts', async () => {
    const world = await shardWorld()
    const client = await world.client(await world.host())
    const shards = Array.from({ length: 600 }, (_, i) => ({ root: world.shard(4).root, size: i + 1 }))
    expect(await client.offer(shards)).toEqual(shards.map(() => 'send'))
    expect(await client.has(shards.map(({ root }) => root))).toEqual(shards.map(() => 'none'))
  })

  test('bytes with a wrong root are refused and not kept', async () => {
    const world = await shardWorld()
    const client = await world.client(await world.host())
    const { root, bytes } = world.shard(5000)
    const wrong = bytes.slice()
    wrong[17] = (wrong[17] ?? 0) ^ 1
    await expect(client.put(root, wrong)).rejects.toMatchObject({ kind: 'corrupt', code: 'shard.wrong-root' })
    expect(await client.has([root])).toEqual(['none'])
    await client.put(root, bytes)
    expect(await client.get(root)).toEqual(bytes)
  })

  test('commit of a shard that was never sent is absent, and changes nothing', async () => {
    const world = await shardWorld()
    const client = await world.client(await world.host())
    const [a, b] = [world.shard(100), world.shard(100)]
    await client.put(a.root, a.bytes)
    await expect(client.commit([a, b])).rejects.toMatchObject({ kind: 'absent', code: 'shard.absent' })
    expect(await client.has([a.root])).toEqual(['staged'])
  })

  test('a lease is renewed with new dates, and released in part and whole', async () => {
    const world = await shardWorld()
    const host = await world.host()
    const client = await world.client(host)
    const [a, b] = [world.shard(100), world.shard(200)]
    await Promise.all([client.put(a.root, a.bytes), client.put(b.root, b.bytes)])
    const { receipt } = await client.commit([a, b])
    await world.clock.advance(60_000)
    const { receipt: renewed } = await client.renew(receipt.lease, [a, b])
    expect(renewed.expires - receipt.expires).toBe(60)
    await client.release(receipt.lease, [a.root])
    await host.vault.settled()
    expect(await client.has([a.root, b.root])).toEqual(['none', 'leased'])
    await expect(client.get(a.root)).rejects.toMatchObject({ kind: 'absent' })
    await client.release(receipt.lease)
    await client.release(receipt.lease)
    await host.vault.settled()
    expect(host.shardDisk.shards.size).toBe(0)
    expect(host.metaDisk.entries.size).toBe(0)
    await expect(client.renew(receipt.lease, [b])).rejects.toMatchObject({ kind: 'absent', code: 'lease.absent' })
  })

  test('a reader without a tenant may fetch and nothing else', async () => {
    const world = await shardWorld()
    const client = await world.client(await world.host(), null)
    const { root, bytes } = world.shard(10)
    await expect(client.put(root, bytes)).rejects.toMatchObject({ kind: 'denied', code: 'tenant.required' })
    await expect(client.has([root])).rejects.toMatchObject({ kind: 'denied', code: 'tenant.required' })
    await expect(client.get(root)).rejects.toMatchObject({ kind: 'absent' })
  })

  test('a cancelled put frees its place, and the stream goes on', async () => {
    const world = await shardWorld()
    const host = await world.host()
    const client = await world.client(host)
    const big = world.shard(2 * 1024 * 1024)
    const stop = new AbortController()
    const putting = client.put(big.root, big.bytes, { signal: stop.signal })
    stop.abort()
    await expect(putting).rejects.toMatchObject({ kind: 'aborted' })
    const cancelled = Array.from({ length: 100 }, async () => {
      const control = new AbortController()
      const work = client.put(big.root, big.bytes, { signal: control.signal })
      await Promise.resolve()
      control.abort()
      await expect(work).rejects.toMatchObject({ kind: 'aborted' })
    })
    await Promise.all(cancelled)
    await client.put(big.root, big.bytes)
    const gets = [1, 2, 3].map(async () => {
      const control = new AbortController()
      const work = client.get(big.root, undefined, { signal: control.signal })
      await settle(1)
      control.abort()
      await work.catch((error: unknown) => expect(error).toMatchObject({ kind: 'aborted' }))
    })
    await Promise.all(gets)
    expect(await client.get(big.root)).toEqual(big.bytes)
    expect(client.open).toBe(0)
  })

  test('an object is kept with its record, replaced by a newer one only, and removed', async () => {
    const world = await shardWorld()
    const client = await world.client(await world.host())
    const link = keyPair(77)
    const first = world.shard(5000)
    const second = world.shard(64 * 1024)
    const expires = world.clock.now() + 86_400_000
    const record = (hash: Uint8Array, sequence: bigint) =>
      world.records.sign(link.seed, { value: `/shoal/object/1/${Buffer.from(hash).toString('hex')}`, sequence, expires })
    const [one, two] = [await record(first.root, 1n), await record(second.root, 2n)]
    await expect(client.getObject(link.key)).rejects.toMatchObject({ kind: 'absent', code: 'object.absent' })
    await client.putObject(link.key, one, first.bytes)
    await client.putObject(link.key, one, first.bytes)
    expect(await client.getObject(link.key)).toEqual({ record: one, bytes: first.bytes })
    await client.putObject(link.key, two, second.bytes)
    await expect(client.putObject(link.key, one, first.bytes)).rejects.toMatchObject({ kind: 'denied', code: 'record.older' })
    expect(await client.getObject(link.key)).toEqual({ record: two, bytes: second.bytes })
    await expect(client.putObject(link.key, await record(first.root, 3n), second.bytes)).rejects.toMatchObject({ code: 'object.wrong-hash' })
    await expect(client.putObject(keyPair(78).key, two, second.bytes)).rejects.toMatchObject({ code: 'record.forged' })
    const locker = await world.records.sign(link.seed, { value: `/shoal/locker/1/${'A'.repeat(208)}`, sequence: 4n, expires })
    await expect(client.putObject(link.key, locker, first.bytes)).rejects.toMatchObject({ code: 'object.wrong-hash' })
    const gone = await world.records.sign(link.seed, { value: '/shoal/gone/1', sequence: 4n, expires })
    await client.putObject(link.key, gone, new Uint8Array())
    expect(await client.getObject(link.key)).toEqual({ record: gone, bytes: new Uint8Array() })
  })

  test('a damaged shard is called corrupt by the host, or noticed by the client, never absent', async () => {
    const world = await shardWorld()
    const host = await world.host()
    const client = await world.client(host)
    const [lost, short, flipped] = [world.shard(9000), world.shard(9000), world.shard(9000)]
    for (const { root, bytes } of [lost, short, flipped]) await client.put(root, bytes)
    const damage = (root: Uint8Array, change: (bytes: Uint8Array) => Uint8Array<ArrayBuffer> | undefined) => {
      const held = host.shardDisk.shards.get(Buffer.from(root).toString('hex'))
      if (held?.bytes !== undefined) held.bytes = change(held.bytes)
    }
    damage(lost.root, () => undefined)
    damage(short.root, (bytes) => bytes.slice(1))
    damage(flipped.root, (bytes) => bytes.map((byte, i) => (i === 4000 ? byte ^ 4 : byte)))
    await expect(client.get(lost.root)).rejects.toMatchObject({ kind: 'corrupt', code: 'shard.damaged' })
    await expect(client.get(short.root)).rejects.toMatchObject({ kind: 'corrupt', code: 'shard.damaged' })
    await expect(client.get(flipped.root)).rejects.toMatchObject({ kind: 'corrupt', code: 'shard.wrong-root' })
    await expect(client.get(flipped.root, { offset: 3999, length: 2 })).rejects.toMatchObject({ kind: 'corrupt', code: 'shard.wrong-root' })
    await client.put(flipped.root, flipped.bytes)
    expect(await client.get(flipped.root)).toEqual(flipped.bytes)
  })

  test('a host that dies ends all open calls with transient', async () => {
    const world = await shardWorld()
    const host = await world.host()
    const client = await world.client(host)
    const { root, bytes } = world.shard(2 * 1024 * 1024)
    const putting = client.put(root, bytes)
    host.kill()
    await expect(putting).rejects.toMatchObject({ kind: 'transient' })
    expect(await client.closed).toMatchObject({ code: 'stream.lost' })
    await expect(client.get(root)).rejects.toMatchObject({ kind: 'transient', code: 'stream.lost' })
  })

  test('closing ends the stream on both sides without an error', async () => {
    const world = await shardWorld()
    const host = await world.host()
    const client = await world.client(host)
    await client.close()
    expect(await client.closed).toBeUndefined()
    await settle()
    expect(world.hub.failures).toEqual([])
  })
})
