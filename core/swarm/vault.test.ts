import { describe, expect, test } from 'vitest'
import { fromHex, type Bytes } from '../base/bytes.ts'
import { settle } from '../testkit/fake-clock.ts'
import { MemoryShardStore } from '../testkit/memory-shard-store.ts'
import { ANNA, BERT, DAY, GIB, VaultBench } from '../testkit/vault-bench.ts'
import { EXPIRY_GRACE, STAGE_SECONDS } from './limits.ts'

const signed = () => Promise.resolve('signed')

describe('a vault keeps a shard', () => {
  test('while one of several tenants has a lease or a stage on it', async () => {
    const bench = new VaultBench()
    const vault = await bench.open()
    const { root, bytes } = bench.shard(1000)
    await vault.put(ANNA, root, bytes)
    await vault.put(BERT, root, bytes)
    expect(await vault.usage()).toMatchObject({ used: 1000, tenants: 2 })
    const [one, two] = [bench.lease(), bench.lease()]
    await vault.commit(ANNA, [root], one, signed)
    await vault.commit(ANNA, [root], two, signed)
    await vault.release(ANNA, one.id, [])
    await vault.settled()
    expect(await vault.holding(ANNA, root)).toBe('leased')
    await vault.release(ANNA, two.id, [])
    await vault.settled()
    expect(await vault.holding(ANNA, root)).toBeUndefined()
    expect(await vault.get(root)).toEqual(bytes)
    bench.clock.jump(bench.clock.now() + STAGE_SECONDS * 1000)
    await vault.sweep()
    expect(bench.isEmpty).toBe(true)
    expect(await vault.usage()).toMatchObject({ used: 0, tenants: 0 })
  })

  test('that is staged again for a full day when it is sent again', async () => {
    const bench = new VaultBench()
    const vault = await bench.open()
    const { root, bytes } = bench.shard(10)
    await vault.put(ANNA, root, bytes)
    bench.clock.jump(bench.clock.now() + (STAGE_SECONDS - 60) * 1000)
    await vault.put(ANNA, root, bytes)
    bench.clock.jump(bench.clock.now() + 120_000)
    await vault.sweep()
    expect(await vault.holding(ANNA, root)).toBe('staged')
  })

  test('until its lease has ended and the grace of clocks is over', async () => {
    const bench = new VaultBench()
    const vault = await bench.open()
    const { root, bytes } = bench.shard(10)
    await vault.put(ANNA, root, bytes)
    const lease = bench.lease(30)
    await vault.commit(ANNA, [root], lease, signed)
    bench.clock.jump((lease.expires + EXPIRY_GRACE) * 1000)
    await vault.sweep()
    expect(await vault.holding(ANNA, root)).toBe('leased')
    await vault.renew(ANNA, { ...lease, expires: lease.expires + DAY }, signed)
    bench.clock.jump((lease.expires + EXPIRY_GRACE + DAY) * 1000)
    await vault.sweep()
    expect(await vault.holding(ANNA, root)).toBe('leased')
    bench.clock.jump((lease.expires + EXPIRY_GRACE + DAY + 1) * 1000)
    await vault.sweep()
    expect(bench.isEmpty).toBe(true)
  })

  test('against releases and renewals of a stranger', async () => {
    const bench = new VaultBench()
    const vault = await bench.open()
    const { root, bytes } = bench.shard(10)
    await vault.put(ANNA, root, bytes)
    const lease = bench.lease()
    await vault.commit(ANNA, [root], lease, signed)
    await vault.release(BERT, lease.id, [])
    await expect(vault.renew(BERT, lease, signed)).rejects.toMatchObject({ kind: 'absent', code: 'lease.absent' })
    await expect(vault.commit(BERT, [root], bench.lease(), signed)).rejects.toMatchObject({ kind: 'absent' })
    expect(await vault.holding(ANNA, root)).toBe('leased')
  })

  test('against an old release that is played again after it was stored anew', async () => {
    const bench = new VaultBench()
    const vault = await bench.open()
    const { root, bytes } = bench.shard(10)
    const old = bench.lease()
    await vault.put(ANNA, root, bytes)
    await vault.commit(ANNA, [root], old, signed)
    await vault.release(ANNA, old.id, [root])
    await vault.put(ANNA, root, bytes)
    await vault.commit(ANNA, [root], bench.lease(), signed)
    await vault.release(ANNA, old.id, [root])
    await vault.settled()
    expect(await vault.get(root)).toEqual(bytes)
  })

  test('when it arrives while the file that another tenant gave up is being deleted', async () => {
    const bench = new VaultBench()
    let begun: () => void = () => undefined
    let go: () => void = () => undefined
    const deleting = new Promise<void>((resolve) => (begun = resolve))
    const gate = new Promise<void>((resolve) => (go = resolve))
    const vault = await bench.open({
      shards: (store) =>
        Object.assign(Object.create(store) as typeof store, {
          delete: async (name: string) => {
            begun()
            await gate
            await store.delete(name)
          },
        }),
    })
    const { root, bytes } = bench.shard(100)
    const lease = bench.lease()
    await vault.put(ANNA, root, bytes)
    await vault.commit(ANNA, [root], lease, signed)
    await vault.release(ANNA, lease.id, [])
    await deleting
    const putting = vault.put(BERT, root, bytes)
    await settle()
    go()
    await putting
    await vault.settled()
    expect(await vault.get(root)).toEqual(bytes)
  })

  test('promises nothing for a file that vanished or was cut off, and asks for it again', async () => {
    const bench = new VaultBench()
    const vault = await bench.open()
    const disk = new MemoryShardStore(bench.shardDisk)
    for (const change of [() => undefined, (bytes: Bytes) => bytes.slice(1)]) {
      const { root, bytes } = bench.shard(100)
      const offer = () => vault.verdicts(ANNA, [{ root: fromHex(root), size: bytes.length }])
      await vault.put(ANNA, root, bytes)
      disk.damage(root, change)
      await expect(vault.commit(ANNA, [root], bench.lease(), signed)).rejects.toMatchObject({ kind: 'absent', code: 'shard.absent' })
      expect(await vault.holding(ANNA, root)).toBeUndefined()
      expect(await offer()).toEqual(['send'])
      await vault.put(ANNA, root, bytes)
      await vault.commit(ANNA, [root], bench.lease(), signed)
      disk.damage(root, change)
      expect(await offer()).toEqual(['send'])
      await vault.put(ANNA, root, bytes)
      expect(await offer()).toEqual(['leased'])
    }
  })

  test('and mends it when it was damaged and is sent again', async () => {
    const bench = new VaultBench()
    const vault = await bench.open()
    const { root, bytes } = bench.shard(100)
    await vault.put(ANNA, root, bytes)
    const held = bench.shardDisk.shards.get(root)
    if (held !== undefined) held.bytes = bytes.map((byte) => byte ^ 1)
    await vault.put(BERT, root, bytes)
    expect(await vault.get(root)).toEqual(bytes)
    if (held !== undefined) bench.shardDisk.shards.delete(root)
    await expect(vault.get(root)).rejects.toMatchObject({ kind: 'corrupt', code: 'shard.damaged' })
    expect(await vault.holding(ANNA, root)).toBeUndefined()
  })
})

describe('a vault admits', () => {
  test('what fits in the offered space, and no tenant more than half of it', async () => {
    const bench = new VaultBench()
    bench.offered = 10_000
    const vault = await bench.open()
    const entries = [3000, 1500, 1000, 500].map((size) => {
      const { name } = bench.shard(1)
      return { root: name, size }
    })
    expect(await vault.verdicts(ANNA, entries)).toEqual(['send', 'send', 'full', 'send'])
    const first = await vault.reserve(ANNA, 5000)
    await expect(vault.reserve(ANNA, 1)).rejects.toMatchObject({ kind: 'quota', code: 'host.full' })
    const second = await vault.reserve(BERT, 5000)
    await expect(vault.reserve('c3'.repeat(32), 1)).rejects.toMatchObject({ kind: 'quota', code: 'host.full' })
    first.release()
    first.release()
    second.release()
    expect(await vault.usage()).toEqual({ offered: 10_000, used: 0, free: 10_000, tenants: 0, objects: 0 })
  })

  test('no swarm of tiny shards or empty objects beyond what was offered, and room again once they are released', async () => {
    const bench = new VaultBench()
    bench.offered = 40 * 1024
    const vault = await bench.open()
    const leases = []
    for (let i = 0; i < 5; i++) {
      const { root, bytes } = bench.shard(1)
      const room = await vault.reserve(ANNA, 1)
      await vault.put(ANNA, root, bytes)
      room.release()
      leases.push(bench.lease())
      await vault.commit(ANNA, [root], leases[i] ?? bench.lease(), signed)
    }
    const empty = (tenant: number) => vault.objects.put({ tenant: new Uint8Array(32).fill(tenant), name: bench.random.bytes(32), record: new Uint8Array(9), sequence: 1n, expires: 2e9, bytes: new Uint8Array() })
    await expect(vault.reserve(ANNA, 1)).rejects.toMatchObject({ kind: 'quota', code: 'host.full' })
    for (let i = 0; i < 5; i++) await empty(i)
    await expect(empty(9)).rejects.toMatchObject({ kind: 'quota', code: 'host.full' })
    const restarted = await bench.open()
    expect((await restarted.usage()).free).toBe(0)
    for (const { id } of leases) await vault.release(ANNA, id, [])
    await expect(vault.reserve(ANNA, 1)).resolves.toBeDefined()
  })

  test('of two that come at once only as many as fit', async () => {
    const bench = new VaultBench()
    bench.offered = 1000
    const vault = await bench.open()
    const all = await Promise.allSettled([ANNA, BERT, 'c3'.repeat(32)].map((tenant) => vault.reserve(tenant, 400)))
    expect(all.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected'])
  })

  test('no object on a full disk, and keeps the one before', async () => {
    const bench = new VaultBench()
    const vault = await bench.open()
    const object = { tenant: new Uint8Array(32), name: new Uint8Array(32), record: Uint8Array.of(1), sequence: 1n, expires: 2e9, bytes: new Uint8Array(50) }
    await vault.objects.put(object)
    bench.metaDisk.quota = 500
    const larger = { ...object, sequence: 2n, record: Uint8Array.of(2), bytes: new Uint8Array(5000) }
    await expect(vault.objects.put(larger)).rejects.toMatchObject({ kind: 'quota', code: 'host.full' })
    expect(await vault.objects.get(object.name)).toEqual({ record: object.record, bytes: object.bytes })
    expect(await vault.usage()).toMatchObject({ used: 50, objects: 1 })
  })

  test('nothing that would leave the owner less than half a gibibyte of disk', async () => {
    const bench = new VaultBench()
    bench.shardDisk.quota = 512 * 1024 * 1024 + 1000
    const vault = await bench.open()
    expect((await vault.usage()).free).toBe(1000)
    await expect(vault.reserve(ANNA, 1001)).rejects.toMatchObject({ code: 'host.full' })
  })

  test('one gibibyte of staged shards per tenant, and more once they are committed', async () => {
    const bench = new VaultBench()
    bench.offered = 100 * GIB
    bench.shardDisk.quota = 200 * GIB
    const vault = await bench.open()
    const { root, bytes } = bench.shard(1000)
    await vault.put(ANNA, root, bytes)
    await expect(vault.reserve(ANNA, GIB)).rejects.toMatchObject({ code: 'host.full' })
    await vault.commit(ANNA, [root], bench.lease(), signed)
    await expect(vault.reserve(ANNA, GIB)).resolves.toBeDefined()
  })

  test('nothing on a full disk, and keeps nothing half', async () => {
    const bench = new VaultBench()
    const vault = await bench.open()
    const { root, bytes } = bench.shard(1000)
    bench.shardDisk.quota = 999
    await expect(vault.put(ANNA, root, bytes)).rejects.toMatchObject({ kind: 'quota', code: 'host.full' })
    bench.shardDisk.quota = GIB
    bench.metaDisk.quota = 10
    await expect(vault.put(ANNA, root, bytes)).rejects.toMatchObject({ kind: 'quota', code: 'host.full' })
    await vault.settled()
    expect(bench.isEmpty).toBe(true)
    expect(await vault.usage()).toMatchObject({ used: 0, tenants: 0 })
  })

  test('a commit on a full disk not at all: the shard stays staged', async () => {
    const bench = new VaultBench()
    const vault = await bench.open()
    const { root, bytes } = bench.shard(1000)
    await vault.put(ANNA, root, bytes)
    bench.metaDisk.quota = 200
    await expect(vault.commit(ANNA, [root], bench.lease(), signed)).rejects.toMatchObject({ kind: 'quota', code: 'host.full' })
    expect(await vault.holding(ANNA, root)).toBe('staged')
  })
})

describe('a vault that starts', () => {
  test('counts what is there exactly as the one before did', async () => {
    const bench = new VaultBench()
    const vault = await bench.open()
    const shards = [bench.shard(100), bench.shard(200), bench.shard(300)]
    for (const { root, bytes } of shards) await vault.put(ANNA, root, bytes)
    await vault.put(BERT, shards[0]?.root ?? '', shards[0]?.bytes ?? new Uint8Array())
    await vault.commit(ANNA, [shards[1]?.root ?? ''], bench.lease(), signed)
    const object = { tenant: new Uint8Array(32).fill(7), name: new Uint8Array(32), record: new Uint8Array(9), sequence: 5n, expires: 2e9, bytes: new Uint8Array(50) }
    await vault.objects.put(object)
    expect(await vault.usage()).toMatchObject({ used: 650, tenants: 3, objects: 1 })
    expect(await (await bench.open()).usage()).toEqual(await vault.usage())
  })

  test('deletes shards that nobody holds, and keeps all others', async () => {
    const bench = new VaultBench()
    const vault = await bench.open()
    const kept = bench.shard(100)
    await vault.put(ANNA, kept.root, kept.bytes)
    const orphan = bench.shard(70)
    await new MemoryShardStore(bench.shardDisk).put(orphan.root, orphan.bytes)
    const again = await bench.open()
    expect([...bench.shardDisk.shards.keys()]).toEqual([kept.root])
    expect(await again.usage()).toMatchObject({ used: 100 })
  })

  test('says damaged, not absent, when its index cannot be read', async () => {
    const bench = new VaultBench()
    const vault = await bench.open()
    const { root, bytes } = bench.shard(10)
    await vault.put(ANNA, root, bytes)
    for (const key of bench.metaDisk.entries.keys()) if (key.startsWith('hold/')) bench.metaDisk.entries.set(key, Uint8Array.of(9))
    await expect(vault.holding(ANNA, root)).rejects.toMatchObject({ kind: 'corrupt', code: 'vault.damaged' })
    await expect(bench.open()).rejects.toMatchObject({ kind: 'corrupt', code: 'vault.damaged' })
    expect(bench.shardDisk.shards.size).toBe(1)
  })
})
