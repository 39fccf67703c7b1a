import { describe, expect, it } from 'vitest'
import { AppError } from '../base/errors.ts'
import { Faults, faultyMetaStore, faultyShardStore } from './faulty.ts'
import { MemoryMetaStore } from './memory-meta-store.ts'
import { MemoryShardStore } from './memory-shard-store.ts'
import { metaStoreContract } from './meta-store-contract.ts'
import { shardStoreContract, testBytes, testRoot } from './shard-store-contract.ts'

shardStoreContract('MemoryShardStore', () => {
  const store = new MemoryShardStore()
  return Promise.resolve({
    store,
    async reopen(how) {
      if (how === 'closed') await store.close()
      return new MemoryShardStore(store.disk)
    },
    damage(root, how) {
      store.damage(root, (bytes) => {
        if (how === 'remove') return undefined
        return how === 'shorten' ? bytes.slice(0, -1) : new Uint8Array(bytes.length + 1)
      })
      return Promise.resolve()
    },
    fill() {
      store.disk.quota = 1000
      return Promise.resolve()
    },
    dispose: () => store.close(),
  })
})

metaStoreContract('MemoryMetaStore', () => {
  const store = new MemoryMetaStore()
  return Promise.resolve({
    store,
    async reopen() {
      await store.close()
      return new MemoryMetaStore(store.disk)
    },
    fill() {
      store.disk.quota = 1000
      return Promise.resolve()
    },
    dispose: () => store.close(),
  })
})

describe('faults', () => {
  it('fail exactly the operation that was asked for, without effect', async () => {
    const faults = new Faults()
    const store = faultyShardStore(new MemoryShardStore(), faults)
    faults.fail(2, new AppError('quota', 'storage.full', 'full'))
    await store.put(testRoot(1), testBytes(10, 1))
    await expect(store.put(testRoot(2), testBytes(10, 2))).rejects.toMatchObject({ code: 'storage.full' })
    expect(await store.size(testRoot(2))).toBeUndefined()
    await store.put(testRoot(2), testBytes(10, 2))
    expect(faults.count).toBe(4)
  })

  it('end all stores that share them after a crash, and keep what the last operation did', async () => {
    const faults = new Faults()
    const shards = new MemoryShardStore()
    const meta = new MemoryMetaStore()
    const store = faultyShardStore(shards, faults)
    const index = faultyMetaStore(meta, faults)
    faults.crashAfter(2)
    await store.put(testRoot(1), testBytes(10, 1))
    await expect(index.batch([{ put: 'a', value: new Uint8Array(1) }])).rejects.toMatchObject({ code: 'test.crashed' })
    await expect(store.put(testRoot(2), testBytes(10, 2))).rejects.toMatchObject({ code: 'test.crashed' })
    expect(await meta.get('a')).toEqual(new Uint8Array(1))
    expect(await shards.size(testRoot(2))).toBeUndefined()
  })
})

describe('MemoryMetaStore', () => {
  it('refuses keys that the port does not allow', async () => {
    const store = new MemoryMetaStore()
    for (const key of ['', 'é', 'x'.repeat(201)]) await expect(store.get(key)).rejects.toMatchObject({ code: 'meta.key' })
  })
})
