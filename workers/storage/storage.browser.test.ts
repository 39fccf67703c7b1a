import { wrap, type Remote } from 'comlink'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { cdp } from 'vitest/browser'
import type { MetaStore } from '../../core/ports/meta-store.ts'
import type { ShardStore } from '../../core/ports/shard-store.ts'
import { metaStoreContract } from '../../core/testkit/meta-store-contract.ts'
import { shardStoreContract, testBytes, testRoot } from '../../core/testkit/shard-store-contract.ts'
import { installTransferHandlers } from '../errors.ts'
import type { StorageBench } from '../testkit/storage-bench-worker.ts'
import { openDatabase } from './database.ts'
import { idbFileHandles } from './file-handles.ts'
import { webLocks } from './web-locks.ts'

beforeAll(installTransferHandlers)

interface Bench {
  readonly name: string
  readonly worker: Worker
  readonly remote: Remote<StorageBench>
}

/** Bytes that the browser grants to a database of the contract suite: more than any of its tests writes but the one that fills it. */
const META_QUOTA = 8 * 2 ** 20

/** With `quota`, the database lies in a bucket of its own that holds no more bytes than that. */
async function startWorker(name: string, quota?: number): Promise<Bench> {
  const worker = new Worker(new URL('../testkit/storage-bench-worker.ts', import.meta.url), { type: 'module' })
  const remote = wrap<StorageBench>(worker)
  await remote.open(name, quota)
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

describe('web locks', () => {
  const locks = webLocks(navigator.locks)

  it('are held by one task at a time, and say at once when they are taken', async () => {
    const name = uniqueName()
    const order: string[] = []
    const gate = Promise.withResolvers<undefined>()
    const first = locks.hold(name, async () => {
      await gate.promise
      order.push('first')
    })
    const second = locks.hold(name, () => Promise.resolve(order.push('second')))
    expect(await locks.hold(name, () => Promise.resolve('got it'), { ifAvailable: true })).toBeUndefined()
    gate.resolve(undefined)
    await Promise.all([first, second])
    expect(order).toEqual(['first', 'second'])
    expect(await locks.hold(name, () => Promise.resolve('got it'), { ifAvailable: true })).toBe('got it')
  })

  it('stop waiting when cancelled, and pass on what the task throws', async () => {
    const name = uniqueName()
    const gate = Promise.withResolvers<undefined>()
    const first = locks.hold(name, () => gate.promise)
    const cancel = new AbortController()
    const waiting = locks.hold(name, () => Promise.resolve('never'), { signal: cancel.signal })
    cancel.abort()
    await expect(waiting).rejects.toMatchObject({ kind: 'aborted' })
    gate.resolve(undefined)
    await first
    await expect(locks.hold(name, () => Promise.reject(new RangeError('mine')))).rejects.toThrow('mine')
  })
})
