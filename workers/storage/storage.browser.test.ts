import { wrap, type Remote } from 'comlink'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { cdp } from 'vitest/browser'
import type { MetaStore } from '../../core/ports/meta-store.ts'
import type { ShardStore } from '../../core/ports/shard-store.ts'
import { openVault, type Vault } from '../../core/swarm/vault.ts'
import { metaStoreContract } from '../../core/testkit/meta-store-contract.ts'
import { shardStoreContract, testBytes, testRoot } from '../../core/testkit/shard-store-contract.ts'
import { installTransferHandlers } from '../errors.ts'
import type { StorageBench } from '../testkit/storage-bench-worker.ts'
import { openDatabase } from './database.ts'
import { deviceKey } from './device-key.ts'
import { raiseFence } from './fence.ts'
import { idbFileHandles } from './file-handles.ts'
import { idbMetaStore } from './idb-meta-store.ts'

beforeAll(installTransferHandlers)

interface Bench {
  readonly name: string
  readonly worker: Worker
  readonly remote: Remote<StorageBench>
}

/** Bytes that the browser grants to a database of the contract suite: more than any of its tests writes but the one that fills it. */
const META_QUOTA = 8 * 2 ** 20

/** With `quota`, the database lies in a bucket of its own that holds no more bytes than that. `fenced` as a leader opens it. */
async function startWorker(name: string, quota?: number, fenced = false): Promise<Bench> {
  const worker = new Worker(new URL('../testkit/storage-bench-worker.ts', import.meta.url), { type: 'module' })
  const remote = wrap<StorageBench>(worker)
  await remote.open(name, quota, fenced)
  return { name, worker, remote }
}

/** A worker that does not answer is ended all the same; its locks on files go with it, a moment later. */
async function clean(bench: Bench): Promise<void> {
  bench.worker.terminate()
  indexedDB.deleteDatabase(bench.name)
  await (navigator as unknown as { storageBuckets: { delete(name: string): Promise<void> } }).storageBuckets.delete(bench.name)
  const root = await navigator.storage.getDirectory()
  await expect.poll(() => root.removeEntry(bench.name, { recursive: true }).then(() => true, String)).toBe(true)
}

const uniqueName = (): string => `test-${crypto.randomUUID()}`

/** The browser's own limit on this origin: so low that nothing more fits, or lifted again. */
async function limitQuota(how: 'full' | 'lifted'): Promise<void> {
  const override = how === 'full' ? { quotaSize: 1 } : {}
  await (cdp() as unknown as { send(method: string, params: object): Promise<void> }).send('Storage.overrideQuotaForOrigin', { origin: location.origin, ...override })
}

function shards({ remote }: Bench): ShardStore {
  return {
    put: (root, bytes) => remote.put(root, bytes),
    get: (root, range) => remote.get(root, range),
    size: (root) => remote.size(root),
    delete: (root) => remote.delete(root),
    async *list() {
      yield* await remote.list()
    },
    room: () => remote.room(),
    close: () => remote.close(),
  }
}

function meta({ remote }: Bench): MetaStore {
  return {
    get: (key) => remote.metaGet(key),
    batch: (changes, options) => remote.metaBatch(changes, options),
    async *range(prefix) {
      yield* await remote.metaRange(prefix)
    },
    close: () => remote.metaClose(),
  }
}

shardStoreContract('The origin private file system', async () => {
  let bench = await startWorker(uniqueName())
  return {
    store: shards(bench),
    async reopen(how) {
      if (how === 'closed') {
        await bench.remote.close()
        await bench.remote.metaClose()
      }
      bench.worker.terminate()
      bench = await startWorker(bench.name)
      return shards(bench)
    },
    damage: (root, how) => bench.remote.damage(root, how),
    tear: (root, bytes) => bench.remote.tear(root, bytes),
    fill: () => limitQuota('full'),
    async dispose() {
      await limitQuota('lifted')
      await clean(bench)
    },
  }
})

metaStoreContract('IndexedDB', async () => {
  let bench = await startWorker(uniqueName(), META_QUOTA)
  return {
    store: meta(bench),
    async reopen() {
      await bench.remote.metaClose()
      bench.worker.terminate()
      bench = await startWorker(bench.name, META_QUOTA)
      return meta(bench)
    },
    fill: () => bench.remote.fillMeta(),
    dispose: () => clean(bench),
  }
})

describe('a worker that is killed', () => {
  let bench: Bench
  afterEach(() => clean(bench))

  it('leaves every acknowledged shard whole, and no other, when it dies in the middle of puts', async () => {
    bench = await startWorker(uniqueName())
    const acknowledged: number[] = []
    let enough = (): void => {}
    const reached = new Promise<void>((resolve) => {
      enough = resolve
    })
    for (let i = 0; i < 40; i++) {
      void bench.remote.put(testRoot(i), testBytes(300_000, i)).then(() => {
        if (acknowledged.push(i) === 7) enough()
      })
    }
    await reached
    bench.worker.terminate()
    bench = await startWorker(bench.name)
    const listed = await bench.remote.list()
    expect(listed.length).toBeGreaterThanOrEqual(acknowledged.length)
    for (const i of acknowledged) expect(await bench.remote.get(testRoot(i))).toEqual(testBytes(300_000, i))
    for (const { root, size } of listed) expect(await bench.remote.get(root)).toHaveLength(size)
  })
})

describe('a vault in a browser', () => {
  let bench: Bench
  const tenant = 'a1'.repeat(32)
  const clock = { now: () => Date.now(), sleep: () => new Promise<void>(() => undefined) }
  afterEach(() => clean(bench))

  function vault(): Promise<Vault> {
    const report = (error: Error): void => expect.fail(error.message)
    return openVault({ shards: shards(bench), meta: meta(bench), clock, offered: 2 ** 30, report })
  }

  it('has every shard that it promised, and nothing else, after its worker died among puts', async () => {
    bench = await startWorker(uniqueName())
    const first = await vault()
    const leased = [0, 1, 2].map((i) => testRoot(i))
    for (const [i, root] of leased.entries()) await first.put(tenant, root, testBytes(300_000, i))
    const issued = Math.floor(Date.now() / 1000)
    const lease = { id: new Uint8Array(16).fill(7), issued, expires: issued + 1000 }
    await first.commit(tenant, leased, lease, () => Promise.resolve())
    const acknowledged: number[] = []
    const one = Promise.withResolvers<undefined>()
    for (let i = 3; i < 20; i++) {
      void first.put(tenant, testRoot(i), testBytes(300_000, i)).then(() => {
        acknowledged.push(i)
        one.resolve(undefined)
      })
    }
    await one.promise
    bench.worker.terminate()
    bench = await startWorker(bench.name)
    const second = await vault()
    for (const [i, root] of leased.entries()) {
      expect(await second.holding(tenant, root)).toBe('leased')
      expect(await second.get(root)).toEqual(testBytes(300_000, i))
    }
    for (const i of acknowledged) expect(await second.holding(tenant, testRoot(i))).toBe('staged')
    await second.settled()
    for (const { root } of await bench.remote.list()) expect(await second.holding(tenant, root)).toBeDefined()

    second.offer(0)
    await expect(second.reserve(tenant, 1)).rejects.toMatchObject({ kind: 'quota', code: 'host.full' })
    await second.release(tenant, lease.id, [])
    await second.settled()
    for (const root of leased) expect(await bench.remote.size(root)).toBeUndefined()
  })
})

describe('a worker whose garbage is collected all the time', () => {
  let bench: Bench
  afterEach(() => clean(bench))

  it('gets an answer to every read: no handle is collected while it is asked', async () => {
    bench = await startWorker(uniqueName())
    const roots = Array.from({ length: 32 }, (_, i) => testRoot(i))
    for (const [i, root] of roots.entries()) await bench.remote.put(root, testBytes(1000, i))
    expect(await bench.remote.getAmongGarbage(roots, 25)).toBe(32 * 25)
  }, 20_000)
})

describe('file handles', () => {
  it('bring a file back after the database was closed, and are gone once deleted', async () => {
    const name = uniqueName()
    const root = await navigator.storage.getDirectory()
    const handle = await root.getFileHandle(`${name}.txt`, { create: true })
    const writable = await handle.createWritable()
    await writable.write('hello')
    await writable.close()
    const first = await openDatabase(name)
    await idbFileHandles(first).put('a', handle)
    first.close()
    const database = await openDatabase(name)
    const handles = idbFileHandles(database)
    expect(await (await handles.file('a'))?.text()).toBe('hello')
    expect(await handles.file('b')).toBeUndefined()
    expect(await handles.ids()).toEqual(['a'])
    await root.removeEntry(`${name}.txt`)
    expect(await handles.file('a')).toBeUndefined()
    await handles.delete('a')
    expect(await database.get('handles', 'a')).toBeUndefined()
    database.close()
    indexedDB.deleteDatabase(name)
  })
})

describe('writes to one database', () => {
  it('are never two at once, in whichever tab and to whichever store: Chromium would throw all away if it died then', async () => {
    const name = uniqueName()
    const [first, second] = [await openDatabase(name), await openDatabase(name)]
    const value = new Uint8Array([1])
    const under = first.transaction('list', 'readwrite')
    const order: string[] = []
    const writes = [
      idbMetaStore(second, 'vault').batch([{ put: 'a', value }]).then(() => order.push('vault')),
      idbFileHandles(second).delete('a').then(() => order.push('handles')),
      raiseFence(second).then(() => order.push('epoch')),
    ]
    for (let i = 0; i < 200; i++) await under.store.put(value, `row/${i}`)
    order.push('list')
    await Promise.all([under.done, ...writes])
    expect(order[0]).toBe('list')
    for (const database of [first, second]) database.close()
    indexedDB.deleteDatabase(name)
  })

  it('are each refused alone: one that the browser cannot store costs none of those that waited with it', async () => {
    const name = uniqueName()
    const database = await openDatabase(name)
    const [list, vault] = [idbMetaStore(database, 'list'), idbMetaStore(database, 'vault')]
    const value = new Uint8Array([1])
    const settled = await Promise.allSettled([
      list.batch([{ put: 'first', value }]),
      list.batch([{ put: 'a', value }]),
      vault.batch([{ put: 'half', value }, { put: undefined as unknown as string, value }]),
      vault.batch([{ put: 'b', value }]),
    ])
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
    expect([await list.get('a'), await vault.get('half'), await vault.get('b')]).toEqual([value, undefined, value])
    database.close()
    indexedDB.deleteDatabase(name)
  })
})

describe('storage that a later leader has opened', () => {
  const deposed = { kind: 'transient', code: 'leader.deposed' }
  const value = new Uint8Array([1])
  let benches: Bench[]
  let name: string
  afterEach(async () => {
    for (const { worker } of benches) worker.terminate()
    await clean(benches[0]!)
  })

  /** Leaders of one browser, each of which opened the storage after the one before. */
  async function leaders(count: number): Promise<Bench[]> {
    benches = []
    name = uniqueName()
    for (let i = 0; i < count; i++) benches.push(await startWorker(name, undefined, true))
    return benches
  }

  it('[F1] [F2] takes no write of an earlier one, however many came since, and shows nothing of that in the list', async () => {
    const [first, second, third] = await leaders(3)
    await expect(first!.remote.metaBatch([{ put: 'a', value }])).rejects.toMatchObject(deposed)
    await third!.remote.metaBatch([{ put: 'b', value }])
    await third!.remote.metaBatch([{ put: 'c', value }, { del: 'b' }], { strict: true })
    await expect(second!.remote.metaBatch([{ put: 'd', value }, { del: 'c' }])).rejects.toMatchObject(deposed)
    await expect(first!.remote.metaBatch([{ del: 'c' }])).rejects.toMatchObject(deposed)
    expect((await third!.remote.metaRange('')).map(([key]) => key)).toEqual(['c'])
    expect(await first!.remote.metaGet('c')).toEqual(value)
  })

  it('[F4] keeps the shards that the later one put, whatever the earlier one does', async () => {
    const [first, second] = await leaders(2)
    const bytes = testBytes(1000, 1)
    await second!.remote.put(testRoot(1), bytes)
    await expect(first!.remote.put(testRoot(2), bytes)).rejects.toMatchObject(deposed)
    await expect(first!.remote.delete(testRoot(1))).rejects.toMatchObject(deposed)
    expect(await second!.remote.get(testRoot(1))).toEqual(bytes)
    expect((await second!.remote.list()).map(({ root }) => root)).toEqual([testRoot(1)])
  })
})

describe('the key of a browser', () => {
  it('stays the same when the database is opened again, and no code can read it out', async () => {
    const name = uniqueName()
    const first = await openDatabase(name)
    const [key, same] = await Promise.all([deviceKey(first), deviceKey(first)])
    await expect(crypto.subtle.exportKey('raw', key)).rejects.toThrow()
    const iv = new Uint8Array(12)
    const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, key, testBytes(32, 1))
    first.close()
    const second = await openDatabase(name)
    for (const one of [same, await deviceKey(second)]) {
      expect(new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv }, one, sealed))).toEqual(testBytes(32, 1))
    }
    second.close()
    indexedDB.deleteDatabase(name)
  })
})
