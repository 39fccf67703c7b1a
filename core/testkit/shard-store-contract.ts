import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { toHex } from '../base/bytes.ts'
import type { Bytes } from '../base/bytes.ts'
import type { ShardRoot, ShardStore } from '../ports/shard-store.ts'

/** One disk under test, with one store open on it. */
export interface ShardStoreBench {
  readonly store: ShardStore
  /** A new store over the same disk. The old one was closed, or (`crash`) just dropped as when its process dies. */
  reopen(how: 'closed' | 'crash'): Promise<ShardStore>
  /** Harms the file of a shard behind the store's back. */
  damage(root: ShardRoot, how: 'shorten' | 'lengthen' | 'remove'): Promise<void>
  /** Makes every write fail as on a full disk, where the disk can be made to. */
  readonly fill?: () => Promise<void>
  /** Leaves what a process leaves that dies inside `put`: part of the file, no more. */
  readonly tear?: (root: ShardRoot, bytes: Bytes) => Promise<void>
  /** Frees the disk. */
  dispose(): Promise<void>
}

/** The name of the `i`-th test shard. It is no real hash: a store does not check. */
export function testRoot(i: number): ShardRoot {
  return toHex(Uint8Array.from({ length: 32 }, (_, at) => (at * 7 + i * 31) & 255))
}

/** `length` bytes that differ by `seed`. */
export function testBytes(length: number, seed: number): Bytes {
  return Uint8Array.from({ length }, (_, at) => (at * 13 + (at >> 8) * 5 + seed * 101) & 255)
}

async function entries(store: ShardStore): Promise<[ShardRoot, number][]> {
  const found: [ShardRoot, number][] = []
  for await (const { root, size } of store.list()) found.push([root, size])
  return found.sort(([a], [b]) => (a < b ? -1 : 1))
}

/** The rules of the `ShardStore` port, to be run in the real environment of each adapter. */
export function shardStoreContract(name: string, open: () => Promise<ShardStoreBench>): void {
  describe(`${name} keeps the contract of a shard store`, () => {
    let bench: ShardStoreBench
    beforeEach(async () => {
      bench = await open()
    })
    afterEach(() => bench.dispose())

    readingRules(() => bench)
    changingRules(() => bench)
    damageRules(() => bench)
    restartRules(() => bench)
  })
}

function readingRules(bench: () => ShardStoreBench): void {
  it('gives back the bytes that were put, whole and in ranges', async () => {
    const { store } = bench()
    const bytes = testBytes(300_001, 1)
    await store.put(testRoot(1), bytes)
    expect(await store.get(testRoot(1))).toEqual(bytes)
    expect(await store.get(testRoot(1), { offset: 0, length: 1024 })).toEqual(bytes.slice(0, 1024))
    expect(await store.get(testRoot(1), { offset: 299_000, length: 1001 })).toEqual(bytes.slice(299_000))
    expect(await store.get(testRoot(1), { offset: 300_001, length: 0 })).toHaveLength(0)
  })

  it('refuses a range outside the shard', async () => {
    const { store } = bench()
    await store.put(testRoot(1), testBytes(100, 1))
    for (const range of [
      { offset: 0, length: 101 },
      { offset: 101, length: 0 },
      { offset: -1, length: 1 },
      { offset: 1, length: -1 },
      { offset: 0.5, length: 1 },
    ]) {
      await expect(store.get(testRoot(1), range)).rejects.toMatchObject({ kind: 'invalid', code: 'shard.range' })
    }
  })

  it('says absent for a shard that was never put', async () => {
    const { store } = bench()
    await expect(store.get(testRoot(1))).rejects.toMatchObject({ kind: 'absent', code: 'shard.absent' })
    expect(await store.size(testRoot(1))).toBeUndefined()
  })

  it('refuses a name that is not a root', async () => {
    const { store } = bench()
    for (const root of ['', '../x', 'AB'.repeat(32), `${testRoot(1)}/`]) {
      await expect(store.put(root, testBytes(1, 1))).rejects.toMatchObject({ kind: 'invalid', code: 'shard.root' })
      await expect(store.get(root)).rejects.toMatchObject({ kind: 'invalid', code: 'shard.root' })
    }
  })

  it('lists every shard once, with its size, and counts the bytes held', async () => {
    const { store } = bench()
    await Promise.all([1, 2, 3].map((i) => store.put(testRoot(i), testBytes(i * 1000, i))))
    await store.delete(testRoot(2))
    expect((await entries(store)).map(([, size]) => size).sort((a, b) => a - b)).toEqual([1000, 3000])
    const room = await store.room()
    expect(room.used).toBe(4000)
    expect(room.free).toBeGreaterThan(0)
  })
}

function changingRules(bench: () => ShardStoreBench): void {
  it('does not keep the caller’s buffer, nor give out its own', async () => {
    const { store } = bench()
    const bytes = testBytes(1000, 1)
    await store.put(testRoot(1), bytes)
    bytes.fill(0)
    const first = await store.get(testRoot(1))
    expect(first).toEqual(testBytes(1000, 1))
    first.fill(0)
    expect(await store.get(testRoot(1))).toEqual(testBytes(1000, 1))
  })

  it('does nothing on a second put, also when both run at once', async () => {
    const { store } = bench()
    await Promise.all([store.put(testRoot(1), testBytes(500, 1)), store.put(testRoot(1), testBytes(500, 1))])
    await store.put(testRoot(1), testBytes(500, 1))
    expect(await entries(store)).toEqual([[testRoot(1), 500]])
    expect((await store.room()).used).toBe(500)
  })

  it('forgets a deleted shard, and deletes one that is not there without complaint', async () => {
    const { store } = bench()
    await store.put(testRoot(1), testBytes(500, 1))
    await store.delete(testRoot(1))
    await store.delete(testRoot(1))
    await expect(store.get(testRoot(1))).rejects.toMatchObject({ kind: 'absent' })
    await store.put(testRoot(1), testBytes(700, 2))
    expect(await store.get(testRoot(1))).toEqual(testBytes(700, 2))
  })

  it('answers a read that runs beside put and delete with the whole shard or with absent', async () => {
    const { store } = bench()
    const bytes = testBytes(200_000, 1)
    for (let round = 0; round < 5; round++) {
      const puts = store.put(testRoot(1), bytes)
      const reads = [1, 2, 3].map(() => store.get(testRoot(1)).catch((error: unknown) => error))
      await puts
      const deletes = store.delete(testRoot(1))
      reads.push(store.get(testRoot(1)).catch((error: unknown) => error))
      await deletes
      for (const result of await Promise.all(reads)) {
        if (result instanceof Uint8Array) expect(result).toEqual(bytes)
        else expect(result).toMatchObject({ kind: 'absent' })
      }
    }
  })

  it('says quota on a full disk, keeps nothing of it, and still reads', async (context) => {
    const { store, fill } = bench()
    if (fill === undefined) return context.skip()
    await store.put(testRoot(1), testBytes(1000, 1))
    await fill()
    await expect(store.put(testRoot(2), testBytes(100_000, 2))).rejects.toMatchObject({ kind: 'quota', code: 'storage.full' })
    expect(await store.size(testRoot(2))).toBeUndefined()
    await expect(store.get(testRoot(2))).rejects.toMatchObject({ kind: 'absent' })
    expect(await store.get(testRoot(1))).toEqual(testBytes(1000, 1))
  })
}

function damageRules(bench: () => ShardStoreBench): void {
  for (const how of ['shorten', 'lengthen', 'remove'] as const) {
    it(`says corrupt, not absent, once something did ${how} the file, and takes the shard again`, async () => {
      const { store, damage } = bench()
      await store.put(testRoot(1), testBytes(5000, 1))
      await damage(testRoot(1), how)
      await expect(store.get(testRoot(1))).rejects.toMatchObject({ kind: 'corrupt', code: 'shard.damaged' })
      await expect(store.get(testRoot(1), { offset: 0, length: 10 })).rejects.toMatchObject({ kind: 'corrupt' })
      await store.delete(testRoot(1))
      await expect(store.get(testRoot(1))).rejects.toMatchObject({ kind: 'absent' })
      await store.put(testRoot(1), testBytes(5000, 1))
      expect(await store.get(testRoot(1))).toEqual(testBytes(5000, 1))
    })
  }

  it('mends a damaged shard when it is put again', async () => {
    const { store, damage } = bench()
    await store.put(testRoot(1), testBytes(5000, 1))
    await damage(testRoot(1), 'shorten')
    await store.put(testRoot(1), testBytes(5000, 1))
    expect(await store.get(testRoot(1))).toEqual(testBytes(5000, 1))
    expect((await store.room()).used).toBe(5000)
  })
}

function restartRules(bench: () => ShardStoreBench): void {
  for (const how of ['closed', 'crash'] as const) {
    it(`still has every shard after a restart (${how})`, async () => {
      const { store, reopen } = bench()
      await store.put(testRoot(1), testBytes(300_000, 1))
      await store.put(testRoot(2), testBytes(10, 2))
      await store.delete(testRoot(2))
      const again = await reopen(how)
      expect(await again.get(testRoot(1))).toEqual(testBytes(300_000, 1))
      expect(await entries(again)).toEqual([[testRoot(1), 300_000]])
      expect((await again.room()).used).toBe(300_000)
    })
  }

  it('never serves a file that a dying process left half-written', async (context) => {
    const { store, tear, reopen } = bench()
    if (tear === undefined) return context.skip()
    await store.put(testRoot(1), testBytes(1000, 1))
    await tear(testRoot(2), testBytes(100_000, 2))
    const again = await reopen('crash')
    expect(await again.size(testRoot(2))).toBeUndefined()
    await expect(again.get(testRoot(2))).rejects.toMatchObject({ kind: 'absent' })
    expect(await entries(again)).toEqual([[testRoot(1), 1000]])
    await again.put(testRoot(2), testBytes(100_000, 2))
    expect(await again.get(testRoot(2))).toEqual(testBytes(100_000, 2))
  })

  it('answers transient once it is closed', async () => {
    const { store } = bench()
    await store.put(testRoot(1), testBytes(10, 1))
    await store.close()
    await expect(store.get(testRoot(1))).rejects.toMatchObject({ kind: 'transient', code: 'shard.io' })
    await expect(store.put(testRoot(2), testBytes(10, 1))).rejects.toMatchObject({ kind: 'transient', code: 'shard.io' })
  })
}
