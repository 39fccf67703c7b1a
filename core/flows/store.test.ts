import { afterEach, describe, expect, test, vi } from 'vitest'
import { fromHex, type Bytes } from '../base/bytes.ts'
import { AppError } from '../base/errors.ts'
import { LEASE_SECONDS } from '../formats/receipt.ts'
import type { MetaStore } from '../ports/meta-store.ts'
import { SeededRandom } from '../testkit/seeded-random.ts'
import { reads, storageWorld, testFile, type StorageWorld } from '../testkit/storage-world.ts'

const MIB = 1024 * 1024

// Real hashing, sealing and coding on whatever machine this is.
vi.setConfig({ testTimeout: 120_000 })

const worlds: StorageWorld[] = []

async function world(): Promise<StorageWorld> {
  const made = await storageWorld()
  worlds.push(made)
  return made
}

afterEach(() => {
  for (const made of worlds.splice(0)) made.close()
})

/** `store` as it is; spread, so that a test may put methods of its own in the place of some. */
const forwarded = (store: MetaStore): MetaStore => ({
  get: (key) => store.get(key),
  batch: (changes, options) => store.batch(changes, options),
  range: (prefix) => store.range(prefix),
  close: () => store.close(),
})

const noise = (length: number, seed = 1): Bytes => new SeededRandom(seed).bytes(length)

describe('hosts', () => {
  test.each([
    [1, { kind: 'stored' }],
    [3, { kind: 'safe', survives: 1, hosts: 3 }],
  ])('with %i hosts rows double up evenly, and the state says what that withstands', async (count, status) => {
    const made = await world()
    const hosts = await made.hosts(count)
    const device = made.device()
    await device.start()
    const bytes = noise(1.5 * MIB)
    const id = await device.store(testFile('a', bytes))
    expect(device.row(id)?.status).toEqual(status)
    if (count > 1) hosts[0]?.kill()
    expect(await reads(device.running.fileReader(id), bytes)).toBe(true)
  })

  test('without hosts a file waits, and is stored by itself when one appears', async () => {
    const made = await world()
    const device = made.device()
    await device.start()
    const [id = ''] = await device.running.add([{ file: testFile('a', noise(5000)), path: 'a' }])
    await made.until(() => device.shardDisk.shards.size === 16)
    expect(device.row(id)?.status).toEqual({ kind: 'waiting' })
    await made.hosts(1)
    await device.reaches(id, 'stored')
  })

  test('a host that dies in the middle of a store is replaced, and the file survives the loss of as many others', async () => {
    const made = await world()
    const hosts = await made.hosts(17)
    const device = made.device()
    await device.start()
    const bytes = noise(12 * MIB)
    const [id = ''] = await device.running.add([{ file: testFile('a', bytes), path: 'a' }])
    await made.until(() => hosts.some(({ shardDisk }) => shardDisk.shards.size > 0))
    const victim = hosts.find(({ shardDisk }) => shardDisk.shards.size > 0)
    victim?.kill()
    await device.reaches(id, 'safe')
    for (const host of hosts.filter((one) => one !== victim).slice(0, 5)) host.kill()
    expect(await reads(device.running.fileReader(id), bytes)).toBe(true)
  })

  test('full hosts are passed over; when all are full the store says so, and goes on when one has room', async () => {
    const made = await world()
    const full = await made.hosts(3, { offered: 300_000 })
    const device = made.device()
    await device.start()
    const bytes = noise(2 * MIB)
    const [id = ''] = await device.running.add([{ file: testFile('a', bytes), path: 'a' }])
    const failed = await device.reaches(id, 'failed')
    expect(failed.status).toMatchObject({ error: { kind: 'quota', code: 'hosts.full' } })
    await device.running.retry(id)
    await device.reaches(id, 'failed')
    await made.hosts(2)
    await made.until(() => device.running.snapshot().hosts === 5)
    await device.running.retry(id).catch(() => undefined)
    await device.reaches(id, 'safe', 'stored')
    for (const host of full) expect((await host.vault.usage()).used).toBeLessThanOrEqual(300_000)
    expect(await reads(device.running.fileReader(id), bytes)).toBe(true)
  })
})

describe('a host whose disk fills up', () => {
  test('before it can sign for what it acknowledged loses these pieces to others', async () => {
    const made = await world()
    let full = false
    const wrapMeta = (store: MetaStore): MetaStore => ({
      ...forwarded(store),
      async batch(changes, options) {
        full ||= changes.some((change) => 'put' in change && change.put.startsWith('lease/'))
        if (full) throw new AppError('quota', 'storage.full', 'the disk is full')
        await store.batch(changes, options)
      },
    })
    const [broken] = await made.hosts(1, { wrapMeta })
    const sound = await made.hosts(3)
    const device = made.device()
    await device.start()
    const bytes = noise(2 * MIB)
    const id = await device.store(testFile('a', bytes))
    expect(full).toBe(true)
    broken?.kill()
    expect(sound.every(({ shardDisk }) => shardDisk.shards.size > 0)).toBe(true)
    expect(await reads(device.running.fileReader(id), bytes)).toBe(true)
  })
})

describe('a host that lost what it had acknowledged', () => {
  test('and has no room for it any more loses these pieces to others', async () => {
    const made = await world()
    let kept = 0
    let lost = false
    const wrapMeta = (store: MetaStore): MetaStore => ({
      ...forwarded(store),
      get: (key) => (lost && key.startsWith('hold/') ? Promise.resolve(undefined) : store.get(key)),
      async batch(changes, options) {
        const holds = changes.filter((change) => 'put' in change && change.put.startsWith('hold/')).length
        if (lost && holds > 0) throw new AppError('quota', 'storage.full', 'the disk is full')
        kept += holds
        await store.batch(changes, options)
        lost = kept >= 3
      },
    })
    const [broken] = await made.hosts(1, { wrapMeta })
    await made.hosts(3)
    const device = made.device()
    await device.start()
    const bytes = noise(2 * MIB)
    const id = await device.store(testFile('a', bytes))
    expect(lost).toBe(true)
    broken?.kill()
    expect(await reads(device.running.fileReader(id), bytes)).toBe(true)
  })
})

describe('packs and known content', () => {
  test('three hundred small files share packs, and each reads back', async () => {
    const made = await world()
    const hosts = await made.hosts(3)
    const device = made.device()
    await device.start()
    const random = new SeededRandom(5)
    const contents = Array.from({ length: 300 }, () => random.bytes(random.integer(1, 100 * 1024)))
    const ids = await device.running.add(contents.map((bytes, i) => ({ file: testFile(`f${String(i)}`, bytes), path: `dir/f${String(i)}` })))
    for (const id of ids) await device.reaches(id, 'safe')
    for (let i = 0; i < ids.length; i += 7) expect(await reads(device.running.fileReader(ids[i] ?? ''), contents[i] ?? new Uint8Array())).toBe(true)
    // 15 MiB of files in packs of 4 MiB: six rows per host and pack, not rows per file.
    for (const host of hosts) expect(host.shardDisk.shards.size).toBeLessThan(6 * 8)
  })

  test('the same content again costs no room, and stays until the last file that has it is removed', async () => {
    const made = await world()
    const hosts = await made.hosts(16)
    const device = made.device()
    await device.start()
    const bytes = noise(5 * MIB)
    const first = await device.store(testFile('a', bytes))
    const before = hosts.map(({ shardDisk }) => shardDisk.shards.size)
    const second = await device.store(testFile('a', bytes))
    expect(hosts.map(({ shardDisk }) => shardDisk.shards.size)).toEqual(before)
    await device.running.remove(first)
    await made.until(() => device.running.snapshot().files.length === 1 && [...device.metaDisk.entries.keys()].filter((key) => key.startsWith('file/')).length === 1)
    expect(await reads(device.running.fileReader(second), bytes)).toBe(true)
    await device.running.remove(second)
    await made.until(() => hosts.every(({ shardDisk }) => shardDisk.shards.size === 0), 'empty vaults')
    await made.until(() => ![...device.metaDisk.entries.keys()].some((key) => /^(file|ref|sealed|use|piece|release|lease|node)\//.test(key)), 'an empty list')
  })

  test('content whose hosts lost a part of it is stored anew where it is missing', async () => {
    const made = await world()
    const hosts = await made.hosts(16)
    const device = made.device()
    await device.start()
    const bytes = noise(1.2 * MIB)
    await device.store(testFile('a', bytes))
    for (const host of hosts.slice(0, 8)) host.kill()
    await made.until(() => device.running.snapshot().hosts === 8)
    const again = await device.store(testFile('b', bytes))
    for (const host of hosts.slice(8, 9)) host.kill()
    expect(await reads(device.running.fileReader(again), bytes)).toBe(true)
  })

  test('what this device lost before it was sent is stored after all when the same content is added again', async () => {
    const made = await world()
    const device = made.device()
    await device.start()
    const bytes = noise(5000)
    const [first = ''] = await device.running.add([{ file: testFile('a', bytes), path: 'a' }])
    await made.until(() => device.shardDisk.shards.size === 16, 'a full outbox')
    device.shardDisk.shards.clear()
    await made.hosts(4)
    expect((await device.reaches(first, 'failed')).status).toMatchObject({ error: { code: 'outbox.lost' } })
    const second = await device.store(testFile('a', bytes))
    expect(second).not.toBe(first)
    expect(await reads(device.running.fileReader(second), bytes)).toBe(true)
  })

  test('content stored anew on other hosts makes the link of the older file lead there, and only then is it safe', async () => {
    const made = await world()
    const gone = await made.hosts(3)
    const device = made.device()
    await device.start()
    const bytes = noise(1.2 * MIB)
    const first = await device.store(testFile('a', bytes))
    for (const host of gone) host.kill()
    await made.until(() => device.running.snapshot().hosts === 0, 'no hosts')
    await made.hosts(3)
    const [second = ''] = await device.running.add([{ file: testFile('b', bytes), path: 'b' }])
    await made.until(() => device.row(first)?.status.kind !== 'safe', 'the older file to be unsafe')
    await device.reaches(second, 'safe')
    await device.reaches(first, 'safe')
    const reader = made.reader()
    expect(await reads(await reader.linkReader(device.running.link(first)), bytes)).toBe(true)
    await reader.stop()
    expect(device.reports).toEqual([])
  })

  test('content stored anew while some hosts were away leaves what they bring back to those who opened the older link before', async () => {
    const made = await world()
    const hosts = await made.hosts(16)
    const device = made.device()
    await device.start()
    const bytes = noise(1.2 * MIB)
    const link = device.running.link(await device.store(testFile('a', bytes)))
    const reader = made.reader()
    const opened = await reader.linkReader(link)
    for (const host of hosts.slice(0, 6)) host.kill()
    await made.until(() => device.running.snapshot().hosts === 10)
    await device.store(testFile('b', bytes))
    for (const host of hosts.slice(0, 6)) await host.start()
    await made.until(() => device.running.snapshot().hosts === 16, 'all hosts')
    await made.until(() => ![...device.metaDisk.entries.keys()].some((key) => key.startsWith('release/')), 'hosts to be told what may go')
    for (const host of hosts.slice(6, 12)) host.kill()
    expect(await reads(opened, bytes)).toBe(true)
    await reader.stop()
  })
})

describe('cancelling and removing', () => {
  test('a cancelled store leaves the list at once, and nothing on hosts', async () => {
    const made = await world()
    const hosts = await made.hosts(4)
    const device = made.device()
    await device.start()
    const [id = ''] = await device.running.add([{ file: testFile('a', noise(24 * MIB)), path: 'a' }])
    await made.until(() => hosts.some(({ shardDisk }) => shardDisk.shards.size > 2))
    await device.running.cancel(id)
    expect(device.row(id)).toBeUndefined()
    await made.until(() => device.shardDisk.shards.size === 0, 'an empty outbox')
    await made.until(() => hosts.every(({ shardDisk }) => shardDisk.shards.size === 0), 'empty vaults')
    expect(device.reports).toEqual([])
  })

  test('what a host has just taken when the store is cancelled, and could not say so any more, is taken back too', async () => {
    const made = await world()
    const gate = Promise.withResolvers<undefined>()
    const hosts = await made.hosts(4, {
      wrapShards: (store) => {
        const put = store.put.bind(store)
        store.put = async (root, bytes) => {
          await put(root, bytes)
          await gate.promise
        }
        return store
      },
    })
    const device = made.device()
    await device.start()
    const [id = ''] = await device.running.add([{ file: testFile('a', noise(3 * MIB)), path: 'a' }])
    await made.until(() => hosts.every(({ shardDisk }) => shardDisk.shards.size > 0), 'shards on their way into every host')
    await device.running.cancel(id)
    gate.resolve(undefined)
    await made.until(() => hosts.every(({ shardDisk }) => shardDisk.shards.size === 0), 'empty vaults')
    expect(device.reports).toEqual([])
  })

  test('what cannot be told to a host now is told when it is back', async () => {
    const made = await world()
    const hosts = await made.hosts(3)
    const device = made.device()
    await device.start()
    const id = await device.store(testFile('a', noise(1.2 * MIB)))
    hosts[0]?.kill()
    await device.running.remove(id)
    await made.until(() => hosts.slice(1).every(({ shardDisk }) => shardDisk.shards.size === 0))
    expect(hosts[0]?.shardDisk.shards.size).toBeGreaterThan(0)
    await hosts[0]?.restart()
    await made.until(() => hosts.every(({ shardDisk }) => shardDisk.shards.size === 0), 'the last host to be told')
  })

  test('a link whose holder never comes back is taken back ever more seldom, with one sequence, and given up in the end', async () => {
    const made = await world()
    const hosts = await made.hosts(2)
    const options = { skew: 0 }
    const device = made.device(options)
    await device.start()
    const id = await device.store(testFile('a', noise(100)))
    const { clock, dht, records } = made.shards
    await made.until(() => dht.held.size > 0, 'the record of the link')
    const [key = ''] = dht.held.keys()
    hosts[0]?.kill()
    await device.running.remove(id)
    const sequence = async (): Promise<bigint> => (await records.open(fromHex(key), dht.held.get(key) ?? new Uint8Array())).sequence
    const stored = await sequence()
    const before = dht.published.get(key) ?? 0
    await made.until(() => (dht.published.get(key) ?? 0) > before, 'the first attempt')
    const first = await sequence()
    expect(first).toBeGreaterThan(stored)
    for (let minute = 0; minute < 60; minute++) {
      await clock.advance(60_000)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    const attempts = (dht.published.get(key) ?? 0) - before
    expect(attempts).toBeGreaterThan(2)
    expect(attempts).toBeLessThan(10)
    expect(await sequence()).toBe(first)
    await device.crash()
    options.skew = 2 * LEASE_SECONDS * 1000
    await device.start()
    await made.until(() => ![...device.metaDisk.entries.keys()].some((one) => one.startsWith('file/')), 'the end of its life')
  })

  test('a link is taken back from a holder that was away as soon as it is there again', async () => {
    const made = await world()
    const hosts = await made.hosts(2)
    const device = made.device()
    await device.start()
    const id = await device.store(testFile('a', noise(100)))
    hosts[0]?.kill()
    await device.running.remove(id)
    for (let minute = 0; minute < 20; minute++) {
      await made.shards.clock.advance(60_000)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    const held = (): boolean => [...device.metaDisk.entries.keys()].some((key) => key.startsWith('file/'))
    expect(held()).toBe(true)
    const back = made.shards.clock.now()
    await hosts[0]?.restart()
    await made.until(() => !held(), 'the holder to be told')
    expect(made.shards.clock.now() - back).toBeLessThan(10 * 60_000)
  })

  test('a file that changed while it was stored is stored as it is now, after a retry', async () => {
    const made = await world()
    await made.hosts(2)
    const device = made.device()
    await device.start()
    const file = testFile('a', noise(3 * MIB))
    const torn = Object.assign(file.slice(), { name: 'a', lastModified: file.lastModified, arrayBuffer: () => Promise.reject(new Error('gone')), slice: () => ({ size: 1, arrayBuffer: () => Promise.reject(new Error('gone')) }) as unknown as Blob })
    const [id = ''] = await device.running.add([{ file: torn, path: 'a' }])
    expect((await device.reaches(id, 'failed')).status).toMatchObject({ error: { kind: 'transient', code: 'file.unreadable' } })
    const bytes = noise(2 * MIB, 9)
    device.handles.set(id, testFile('a', bytes, 5))
    await device.running.retry(id)
    await device.reaches(id, 'stored')
    expect(await reads(device.running.fileReader(id), bytes)).toBe(true)
  })

  test('a full disk stops the store with a clear code, and a retry goes on where it stopped', async () => {
    const made = await world()
    await made.hosts(2)
    const device = made.device({ quota: 5 * MIB })
    await device.start()
    const bytes = noise(7 * MIB)
    const [id = ''] = await device.running.add([{ file: testFile('a', bytes), path: 'a' }])
    const failed = await device.reaches(id, 'failed')
    expect(failed.status).toMatchObject({ error: { kind: 'quota', code: 'storage.full' } })
    device.shardDisk.quota = 100 * MIB
    await device.running.retry(id)
    await device.reaches(id, 'stored')
    expect(await reads(device.running.fileReader(id), bytes)).toBe(true)
  })
})
