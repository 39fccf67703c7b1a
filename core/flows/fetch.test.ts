import { afterEach, describe, expect, test, vi } from 'vitest'
import { equal, utf8, type Bytes } from '../base/bytes.ts'
import { SeededRandom } from '../testkit/seeded-random.ts'
import { failureOf, readAll, reads, storageWorld, testFile, type StorageWorld } from '../testkit/storage-world.ts'

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

const noise = (length: number, seed = 1): Bytes => new SeededRandom(seed).bytes(length)

function flip(bytes: Bytes): Bytes {
  const changed = new Uint8Array(bytes)
  changed[100] = (changed[100] ?? 0) ^ 1
  return changed
}

describe('reading', () => {
  test('ranges anywhere give exactly their bytes', async () => {
    const made = await world()
    await made.hosts(4)
    const device = made.device()
    await device.start()
    const bytes = noise(9 * MIB)
    const id = await device.store(testFile('a', bytes))
    const random = new SeededRandom(9)
    const reader = device.running.fileReader(id)
    for (let i = 0; i < 12; i++) {
      const offset = random.integer(0, bytes.length)
      const length = random.integer(0, 3 * MIB)
      expect(equal(await readAll(reader, offset, length), bytes.slice(offset, offset + length))).toBe(true)
    }
  })

  test('a small file of a pack is read by its leaves, not by whole shards', async () => {
    const made = await world()
    let asked = 0
    await made.hosts(16, {
      wrapShards: (store) => {
        const get = store.get.bind(store)
        store.get = async (root, range) => {
          const bytes = await get(root, range)
          asked += bytes.length
          return bytes
        }
        return store
      },
    })
    const device = made.device()
    await device.start()
    const files = Array.from({ length: 30 }, (_, i) => noise(20_000, i + 1))
    const ids = await device.running.add(files.map((bytes, i) => ({ file: testFile(`f${String(i)}`, bytes), path: `f${String(i)}` })))
    for (const id of ids) await device.reaches(id, 'safe')
    asked = 0
    for (const i of [3, 29]) expect(await reads(device.running.fileReader(ids[i] ?? ''), files[i] ?? new Uint8Array())).toBe(true)
    // Leaf proofs need the whole shard on the host's side; what was fetched shows in how many shards were opened: not k per file.
    expect(asked).toBeLessThan(6 * 70_000)
  })

  test('damaged and lost shards never reach the reader; the hosts are counted against, and the row says so', async () => {
    const made = await world()
    const hosts = await made.hosts(16)
    const device = made.device()
    await device.start()
    const bytes = noise(3 * MIB)
    const id = await device.store(testFile('a', bytes))
    for (const host of hosts.slice(0, 3)) for (const held of host.shardDisk.shards.values()) held.bytes = held.bytes === undefined ? undefined : flip(held.bytes)
    for (const host of hosts.slice(3, 5)) host.shardDisk.shards.clear()
    expect(await reads(device.running.fileReader(id), bytes)).toBe(true)
    await made.until(() => (device.row(id)?.notes.length ?? 0) > 0, 'a note')
    const row = device.row(id)
    expect(row?.notes[0]?.code).toBe('host.damaged')
    expect(row?.status).toMatchObject({ kind: 'safe', hosts: 16 })
    expect(row?.status.kind === 'safe' && row.status.survives).toBeLessThan(6)
  })

  test('too few pieces are told with their numbers, and reading works again once a host is back', async () => {
    const made = await world()
    const hosts = await made.hosts(16)
    const device = made.device()
    await device.start()
    const bytes = noise(1.2 * MIB)
    const id = await device.store(testFile('a', bytes))
    for (const host of hosts.slice(0, 7)) host.kill()
    const failure = await failureOf(readAll(device.running.fileReader(id)))
    expect(failure).toMatchObject({ kind: 'transient', code: 'chunk.too-few', data: { found: 9, needed: 10, total: 16 } })
    await hosts[0]?.start()
    await made.until(() => device.running.snapshot().hosts === 10)
    expect(await reads(device.running.fileReader(id), bytes)).toBe(true)
  })

  test('a host that takes a request and never answers does not hold a reader up', async () => {
    const made = await world()
    let silent = false
    await made.hosts(6, {
      wrapShards: (store) => {
        const get = store.get.bind(store)
        store.get = (root, range) => (silent ? new Promise<never>(() => undefined) : get(root, range))
        return store
      },
    })
    await made.hosts(12)
    const device = made.device()
    await device.start()
    const bytes = noise(1.2 * MIB)
    const id = await device.store(testFile('a', bytes))
    silent = true
    expect(await reads(device.running.fileReader(id), bytes)).toBe(true)
  })

  test('an aborted read stops with `aborted`', async () => {
    const made = await world()
    await made.hosts(2)
    const device = made.device({ pieceBytes: 200_000 })
    await device.start()
    const id = await device.store(testFile('a', noise(2 * MIB)))
    const control = new AbortController()
    const reading = (async () => {
      for await (const part of device.running.fileReader(id).read(0, 2 * MIB, { signal: control.signal })) if (part.length > 0) control.abort()
    })()
    expect((await failureOf(reading)).kind).toBe('aborted')
  })
})

describe('links', () => {
  test('a truncated or edited link is refused before anybody is asked', async () => {
    const made = await world()
    const reader = made.reader()
    const device = made.device()
    await made.hosts(1)
    await device.start()
    const seed = device.running.link(await device.store(testFile('a', utf8('x'))))
    const edited = (seed.startsWith('A') ? 'B' : 'A') + seed.slice(1)
    for (const wrong of [seed.slice(0, 42), edited, '', `${seed}x`]) {
      expect(await failureOf(reader.openLink(wrong))).toMatchObject({ kind: 'invalid', code: 'link.damaged' })
    }
  })

  test('removed, never there, and nobody to ask are told apart', async () => {
    const made = await world()
    const hosts = await made.hosts(2)
    const device = made.device()
    await device.start()
    const id = await device.store(testFile('a', noise(2000)))
    const other = await device.store(testFile('b', noise(2000, 2)))
    const [link, kept] = [device.running.link(id), device.running.link(other)]
    await device.running.remove(id)
    await made.until(() => [...device.metaDisk.entries.keys()].filter((key) => key.startsWith('file/')).length === 1)
    const reader = made.reader()
    expect(await failureOf(reader.openLink(link))).toMatchObject({ kind: 'absent', code: 'link.gone' })
    const away = await world()
    await away.hosts(1)
    expect(await failureOf(away.reader().openLink(kept))).toMatchObject({ kind: 'absent', code: 'link.absent' })
    for (const host of hosts) host.kill()
    made.shards.dht.servers = 0
    expect(await failureOf(made.reader().openLink(kept))).toMatchObject({ kind: 'transient', code: 'link.unreachable' })
  })

  test('a link whose hosts are gone says how many pieces of how many were found', async () => {
    const made = await world()
    const hosts = await made.hosts(16)
    const device = made.device()
    await device.start()
    const link = device.running.link(await device.store(testFile('a', noise(2 * MIB))))
    await made.until(() => made.shards.dht.held.size > 0)
    for (const host of hosts.slice(0, 10)) host.kill()
    const failure = await failureOf(made.reader().linkReader(link).then((reader) => readAll(reader)))
    expect(failure).toMatchObject({ code: 'chunk.too-few', data: { found: 6, needed: 10, total: 16 } })
  })

  test.each([-7, 7])('a clock that is %i hours off stores, reads and opens links', async (hours) => {
    const made = await world()
    await made.hosts(3)
    const skew = hours * 3_600_000
    const device = made.device({ skew })
    await device.start()
    const bytes = noise(1.2 * MIB)
    const id = await device.store(testFile('a', bytes))
    expect(await reads(await made.reader(-skew).linkReader(device.running.link(id)), bytes)).toBe(true)
  })
})

describe('backup', () => {
  test('a restored file is safe once its hosts confirm it, also on another device', async () => {
    const made = await world()
    const hosts = await made.hosts(3)
    const device = made.device()
    await device.start()
    const id = await device.store(testFile('a', noise(1.2 * MIB)))
    const tiny = await device.store(testFile('b', noise(100)))
    const backup = await device.running.backup()
    await device.crash()
    for (const host of hosts) host.kill()
    const second = made.device()
    await second.start()
    expect(await second.running.restore(backup)).toBe(2)
    expect([id, tiny].map((one) => second.row(one)?.status)).toEqual([{ kind: 'stored' }, { kind: 'stored' }])
    for (const host of hosts) await host.start()
    expect((await second.reaches(id, 'safe', 'damaged')).status).toEqual({ kind: 'safe', survives: 1, hosts: 3 })
    expect((await second.reaches(tiny, 'safe', 'damaged')).status.kind).toBe('safe')
    expect(second.reports).toEqual([])
  })

  test('an old backup brings a removed file back as damaged, large or tiny, not as safe', async () => {
    const made = await world()
    const hosts = await made.hosts(3)
    const device = made.device()
    await device.start()
    const id = await device.store(testFile('a', noise(1.2 * MIB)))
    const tiny = await device.store(testFile('b', noise(100)))
    const backup = await device.running.backup()
    await device.running.remove(id)
    await device.running.remove(tiny)
    await made.until(() => ![...device.metaDisk.entries.keys()].some((key) => key.startsWith('file/') || key.startsWith('release/')), 'an empty list')
    expect(hosts.every(({ shardDisk }) => shardDisk.shards.size === 0)).toBe(true)
    expect(await device.running.restore(backup)).toBe(2)
    for (const one of [id, tiny]) expect((await device.reaches(one, 'safe', 'damaged')).status).toEqual({ kind: 'damaged' })
  })

  test('a list comes back on another device, which can read, share and remove its files', async () => {
    const made = await world()
    const hosts = await made.hosts(3)
    const device = made.device()
    await device.start()
    const bytes = noise(1.2 * MIB)
    await device.store(testFile('a', bytes))
    const backup = await device.running.backup()
    await device.crash()
    const second = made.device()
    await second.start()
    const own = await second.store(testFile('a', noise(5000, 4)))
    expect(await second.running.restore(backup)).toBe(1)
    expect(await second.running.restore(backup)).toBe(0)
    const restored = second.running.snapshot().files.find(({ id }) => id !== own)?.id ?? ''
    expect(await reads(second.running.fileReader(restored), bytes)).toBe(true)
    expect(await reads(await made.reader().linkReader(second.running.link(restored)), bytes)).toBe(true)
    await second.running.remove(restored)
    await second.running.remove(own)
    await made.until(() => hosts.every(({ shardDisk }) => shardDisk.shards.size === 0), 'empty vaults')
  })

  test('a damaged backup changes nothing', async () => {
    const made = await world()
    await made.hosts(1)
    const device = made.device()
    await device.start()
    await device.store(testFile('a', utf8('x')))
    const backup = await device.running.backup()
    const other = made.device()
    await other.start()
    expect(await failureOf(other.running.restore(flip(backup)))).toMatchObject({ kind: 'corrupt', code: 'backup.damaged' })
    expect(other.running.snapshot().files).toEqual([])
  })
})
