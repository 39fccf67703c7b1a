import { describe, expect, test } from 'vitest'
import { toHex } from '../base/bytes.ts'
import { isAppError } from '../base/errors.ts'
import { settle } from '../testkit/fake-clock.ts'
import { Faults, faultyMetaStore, faultyShardStore } from '../testkit/faulty.ts'
import { SeededRandom } from '../testkit/seeded-random.ts'
import { ANNA, BERT, VaultBench, type Wraps } from '../testkit/vault-bench.ts'
import { decodeHold, decodeLease, HOLDS, LEASES, parseHoldKey, parseLeaseKey } from './vault-index.ts'

describe('a vault that dies between any two operations of its disks', () => {
  /** Everything a host does, in order; what was acknowledged is noted in `done`. */
  async function story(bench: VaultBench, wraps: Wraps, done: Set<string>): Promise<void> {
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

  async function check(bench: VaultBench, done: Set<string>): Promise<void> {
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
    expect(references(bench, HOLDS)).toEqual(references(bench, LEASES))
  }

  /** Which lease holds which shard, as the holds say, or as the leases do: both must agree at any moment. */
  function references(bench: VaultBench, from: typeof HOLDS | typeof LEASES): string[] {
    const found: string[] = []
    for (const [key, value] of bench.metaDisk.entries) {
      if (!key.startsWith(from)) continue
      if (from === HOLDS) for (const lease of decodeHold(value).leases) found.push(`${parseHoldKey(key).root} ${toHex(lease)}`)
      else for (const { root } of decodeLease(value).shards) found.push(`${toHex(root)} ${toHex(parseLeaseKey(key))}`)
    }
    return found.sort()
  }

  test('loses nothing that it acknowledged, and serves nothing half', async () => {
    const whole = new VaultBench()
    const counting = new Faults()
    const all = new Set<string>()
    await story(whole, { shards: (store) => faultyShardStore(store, counting), meta: (store) => faultyMetaStore(store, counting) }, all)
    expect(all).toContain('released')
    expect(counting.count).toBeGreaterThan(40)
    for (let at = 1; at <= counting.count; at++) {
      for (const takesEffect of [true, false]) {
        const bench = new VaultBench()
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
    await story(new VaultBench(), { shards: (store) => faultyShardStore(store, counting), meta: (store) => faultyMetaStore(store, counting) }, new Set())
    for (let at = 1; at <= counting.count; at++) {
      const bench = new VaultBench()
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
