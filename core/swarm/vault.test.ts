import { describe, expect, test } from 'vitest'
import { toHex, type Bytes } from '../base/bytes.ts'
import { isAppError, type AppError } from '../base/errors.ts'
import type { MetaStore } from '../ports/meta-store.ts'
import type { ShardStore } from '../ports/shard-store.ts'
import { FakeClock, settle } from '../testkit/fake-clock.ts'
import { Faults, faultyMetaStore, faultyShardStore } from '../testkit/faulty.ts'
import { MemoryMetaStore, memoryMetaDisk } from '../testkit/memory-meta-store.ts'
import { MemoryShardStore, memoryShardDisk } from '../testkit/memory-shard-store.ts'
import { SeededRandom } from '../testkit/seeded-random.ts'
import { EXPIRY_GRACE, STAGE_SECONDS } from './limits.ts'
import { openVault, type NewLease, type Vault } from './vault.ts'

const ANNA = 'a1'.repeat(32)
const BERT = 'b2'.repeat(32)
const GIB = 1024 ** 3
const DAY = 86_400

interface Wraps {
  readonly shards?: (store: ShardStore) => ShardStore
  readonly meta?: (store: MetaStore) => MetaStore
}

/** Disks that outlive the vaults opened over them. A root is any name here: the vault does not hash. */
class Bench {
  readonly shardDisk = memoryShardDisk(10 * GIB)
  readonly metaDisk = memoryMetaDisk()
  readonly clock = new FakeClock()
  readonly reports: AppError[] = []
  readonly random = new SeededRandom(5)
  offered = GIB

  open(wraps: Wraps = {}): Promise<Vault> {
    const shards = new MemoryShardStore(this.shardDisk)
    const meta = new MemoryMetaStore(this.metaDisk)
    return openVault({
      shards: wraps.shards?.(shards) ?? shards,
      meta: wraps.meta?.(meta) ?? meta,
      clock: this.clock,
      offered: this.offered,
      report: (error) => void this.reports.push(error),
    })
  }

  shard(size: number): { root: string; name: Bytes; bytes: Bytes; size: number } {
    const name = this.random.bytes(32)
    return { root: toHex(name), name, bytes: this.random.bytes(size), size }
  }

  lease(days = 180): NewLease {
    const issued = Math.floor(this.clock.now() / 1000)
    return { id: this.random.bytes(16), issued, expires: issued + days * DAY }
  }

  /** Whether disk and index hold nothing at all. */
  get isEmpty(): boolean {
    return this.shardDisk.shards.size === 0 && this.metaDisk.entries.size === 0
  }
}

const signed = () => Promise.resolve('signed')

describe('a vault keeps a shard', () => {
  test('while one of several tenants has a lease or a stage on it', async () => {
    const bench = new Bench()
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
    const bench = new Bench()
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
    const bench = new Bench()
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
    const bench = new Bench()
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
    const bench = new Bench()
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

  test('when it arrives while another tenant gives it up', async () => {
    const bench = new Bench()
    const vault = await bench.open()
    for (let round = 0; round < 20; round++) {
      const { root, bytes } = bench.shard(100)
      const lease = bench.lease()
      await vault.put(ANNA, root, bytes)
      await vault.commit(ANNA, [root], lease, signed)
      await Promise.all([vault.release(ANNA, lease.id, []), vault.put(BERT, root, bytes)])
      await vault.settled()
      expect(await vault.get(root)).toEqual(bytes)
    }
  })

  test('and mends it when it was damaged and is sent again', async () => {
    const bench = new Bench()
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
    const bench = new Bench()
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

  test('nothing that would leave the owner less than half a gibibyte of disk', async () => {
    const bench = new Bench()
    bench.shardDisk.quota = 512 * 1024 * 1024 + 1000
    const vault = await bench.open()
    expect((await vault.usage()).free).toBe(1000)
    await expect(vault.reserve(ANNA, 1001)).rejects.toMatchObject({ code: 'host.full' })
  })

  test('one gibibyte of staged shards per tenant, and more once they are committed', async () => {
    const bench = new Bench()
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
    const bench = new Bench()
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
    const bench = new Bench()
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
    const bench = new Bench()
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
    const bench = new Bench()
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
    const bench = new Bench()
    const vault = await bench.open()
    const { root, bytes } = bench.shard(10)
    await vault.put(ANNA, root, bytes)
    for (const key of bench.metaDisk.entries.keys()) if (key.startsWith('hold/')) bench.metaDisk.entries.set(key, Uint8Array.of(9))
    await expect(vault.holding(ANNA, root)).rejects.toMatchObject({ kind: 'corrupt', code: 'vault.damaged' })
    await expect(bench.open()).rejects.toMatchObject({ kind: 'corrupt', code: 'vault.damaged' })
    expect(bench.shardDisk.shards.size).toBe(1)
  })
})

describe('a vault that dies between any two operations of its disks', () => {
  /** Everything a host does, in order; what was acknowledged is noted in `done`. */
  async function story(bench: Bench, wraps: Wraps, done: Set<string>): Promise<void> {
    const random = new SeededRandom(9)
    const vault = await bench.open(wraps)
    const shard = (i: number) => ({ root: toHex(new Uint8Array(32).fill(i)), bytes: new Uint8Array(100 * i).fill(i) })
    const lease = (i: number) => ({ id: new Uint8Array(16).fill(i), issued: 1, expires: 4e9 })
    const object = (sequence: bigint) => ({ tenant: random.bytes(32), name: new Uint8Array(32), record: Uint8Array.of(Number(sequence)), sequence, expires: 4e9, bytes: new Uint8Array(40).fill(Number(sequence)) })
    for (const i of [1, 2, 3]) {
      await vault.put(ANNA, shard(i).root, shard(i).bytes)
      done.add(`staged ${i}`)
    }
    await vault.put(BERT, shard(1).root, shard(1).bytes)
    await vault.commit(ANNA, [shard(1).root, shard(2).root], lease(1), async () => 'signed')
    done.add('leased 1').add('leased 2')
    await vault.objects.put(object(1n))
    done.add('object 1')
    await vault.objects.put(object(2n))
    done.add('object 2')
    await vault.commit(ANNA, [shard(3).root], lease(2), async () => 'signed')
    done.add('leased 3')
    await vault.renew(ANNA, { ...lease(2), expires: 5e9 }, async () => 'signed')
    done.add('renewed')
    done.add('releasing 1').add('releasing 2')
    await vault.release(ANNA, lease(1).id, [])
    await vault.settled()
    done.add('released')
  }

  async function check(bench: Bench, done: Set<string>): Promise<void> {
    const vault = await bench.open()
    for (const i of [1, 2, 3]) {
      const root = toHex(new Uint8Array(32).fill(i))
      const holding = await vault.holding(ANNA, root)
      const releasing = done.has(`releasing ${i}`)
      if (done.has(`staged ${i}`) && !releasing) expect(holding).toBeDefined()
      if (done.has(`leased ${i}`) && !releasing) expect(holding).toBe('leased')
      if (done.has('released') && releasing) expect(holding).toBeUndefined()
      const bytes = await vault.get(root).catch((error: unknown) => {
        if (isAppError(error, 'absent')) return undefined
        throw error
      })
      // Whole or not at all, and there whenever somebody was told that it is.
      if (holding !== undefined || bytes !== undefined) expect(bytes).toEqual(new Uint8Array(100 * i).fill(i))
    }
    const newest = done.has('object 2') ? 2 : done.has('object 1') ? 1 : 0
    const object = await vault.objects.get(new Uint8Array(32)).catch(() => undefined)
    if (newest > 0) expect(object?.record[0]).toBeGreaterThanOrEqual(newest)
    if (object !== undefined) expect(object.bytes).toEqual(new Uint8Array(40).fill(object.record[0] ?? 0))
    const { used } = await vault.usage()
    let onDisk = object?.bytes.length ?? 0
    for (const { size } of bench.shardDisk.shards.values()) onDisk += size
    expect(used).toBe(onDisk)
    await vault.settled()
    const holds = new Set([...bench.metaDisk.entries.keys()].filter((key) => key.startsWith('hold/')).map((key) => key.split('/')[1]))
    expect(new Set(bench.shardDisk.shards.keys())).toEqual(holds)
  }

  test('loses nothing that it acknowledged, and serves nothing half', async () => {
    const whole = new Bench()
    const counting = new Faults()
    const all = new Set<string>()
    await story(whole, { shards: (store) => faultyShardStore(store, counting), meta: (store) => faultyMetaStore(store, counting) }, all)
    expect(all).toContain('released')
    expect(counting.count).toBeGreaterThan(40)
    for (let at = 1; at <= counting.count; at++) {
      for (const takesEffect of [true, false]) {
        const bench = new Bench()
        const faults = new Faults()
        const done = new Set<string>()
        if (takesEffect) faults.crashAfter(at)
        const die = () => {
          if (!takesEffect && faults.count >= at - 1) faults.crashed = true
        }
        const wraps: Wraps = {
          shards: (store) => faultyShardStore(dying(store, die), faults),
          meta: (store) => faultyMetaStore(dying(store, die), faults),
        }
        die()
        await story(bench, wraps, done).catch((error: unknown) => expect(isAppError(error)).toBe(true))
        await check(bench, done)
        await check(bench, done)
      }
    }
  })

  /** Calls `after` when an operation has ended: what comes next finds the process dead, without effect. */
  function dying<T extends object>(store: T, after: () => void): T {
    return new Proxy(store, {
      get(target, name) {
        const method: unknown = Reflect.get(target, name)
        if (typeof method !== 'function') return method
        return (...args: unknown[]): unknown => {
          const result: unknown = Reflect.apply(method, target, args)
          if (result instanceof Promise) return result.finally(after)
          after()
          return result
        }
      },
    })
  }

  test('goes on after a single failed operation, with what it acknowledged', async () => {
    const counting = new Faults()
    await story(new Bench(), { shards: (store) => faultyShardStore(store, counting), meta: (store) => faultyMetaStore(store, counting) }, new Set())
    for (let at = 1; at <= counting.count; at++) {
      const bench = new Bench()
      const faults = new Faults()
      const done = new Set<string>()
      faults.fail(at)
      const wraps: Wraps = { shards: (store) => faultyShardStore(store, faults), meta: (store) => faultyMetaStore(store, faults) }
      await story(bench, wraps, done).catch((error: unknown) => expect(error).toMatchObject({ code: 'test.fault' }))
      // The vault lives on; what it deletes in the background must have ended before another opens these disks.
      await settle()
      await check(bench, done)
    }
  })
})
