import { afterEach, describe, expect, test, vi } from 'vitest'
import { utf8, type Bytes } from '../base/bytes.ts'
import { SeededRandom } from '../testkit/seeded-random.ts'
import type { MemoryHost } from '../testkit/shard-world.ts'
import { readAll, reads, storageWorld, testFile, type Device, type StorageWorld } from '../testkit/storage-world.ts'

const MIB = 1024 * 1024

// Real hashing, sealing and coding on whatever machine this is.
vi.setConfig({ testTimeout: 120_000 })

const worlds: StorageWorld[] = []

async function world(hosts: number): Promise<StorageWorld> {
  const made = await storageWorld(hosts)
  worlds.push(made)
  return made
}

afterEach(() => {
  for (const made of worlds.splice(0)) made.close()
})

const noise = (length: number, seed = 1): Bytes => new SeededRandom(seed).bytes(length)

test('a file of several chunks is stored safely on sixteen hosts, and reads back byte for byte', async () => {
  const device = (await world(16)).device()
  await device.start()
  const bytes = noise(9 * MIB)
  const id = await device.store(testFile('noise.bin', bytes))
  expect(device.row(id)?.status).toEqual({ kind: 'safe', survives: 6, hosts: 16 })
  expect(await reads(device.running.fileReader(id), bytes)).toBe(true)
  expect(device.shardDisk.shards.size).toBe(0)
  expect(device.reports).toEqual([])
})

test('what is known is not sealed again, text shrinks, and the snapshot tells both', async () => {
  const device = (await world(3)).device()
  await device.start()
  const text = utf8('all the fish in the sea\n'.repeat(4000))
  await device.store(testFile('first.txt', text))
  const before = device.running.snapshot().coded
  expect(before).toMatchObject({ read: text.length, fresh: text.length })
  expect(before.compressed).toBeLessThan(text.length / 4)
  await device.store(testFile('second.txt', text))
  expect(device.running.snapshot().coded).toEqual({ ...before, read: 2 * text.length })
})

test('of small files with one content, one is sealed, also when its pack is only just on its way', async () => {
  const device = (await world(1)).device()
  await device.start()
  const twins = noise(300_000, 99)
  const ids = await device.running.add(Array.from({ length: 20 }, (_, i) => ({ file: testFile(`${i}`, i % 19 === 0 ? twins : noise(300_000, i)), path: `${i}` })))
  await Promise.all(ids.map((id) => device.reaches(id, 'stored')))
  expect(device.running.snapshot().coded).toMatchObject({ read: 20 * 300_000, fresh: 19 * 300_000 })
  for (const i of [0, 19]) expect(await reads(device.running.fileReader(ids[i]!), twins)).toBe(true)
})

test('a link opens in a browser that was never here, and gives the same bytes', async () => {
  const made = await world(3)
  const device = made.device()
  await device.start()
  const bytes = noise(2 * MIB)
  const ids = [
    await device.store(testFile('large.bin', bytes)),
    await device.store(testFile('tiny.txt', utf8('hello'))),
    await device.store(testFile('empty', new Uint8Array())),
    await device.store(testFile('small.bin', noise(5000, 2))),
  ]
  const links = ids.map((id) => device.running.link(id))
  await device.crash()
  const reader = made.reader()
  expect(await reader.openLink(links[0] ?? '')).toMatchObject({ name: 'large.bin', size: 2 * MIB, type: 'application/octet-stream' })
  const contents = [bytes, utf8('hello'), new Uint8Array(), noise(5000, 2)]
  for (const [i, link] of links.entries()) expect(await reads(await reader.linkReader(link), contents[i] ?? new Uint8Array())).toBe(true)
  await reader.stop()
})

test('a file of a folder stands in the list with its path; its link and its download have its own name', async () => {
  const device = (await world(1)).device()
  await device.start()
  const file = testFile('a.jpg', noise(5000))
  const id = await device.store(file, 'photos/a.jpg')
  const again = await device.store(testFile('a.jpg', noise(100)), 'photos/a.jpg')
  const other = await device.store(file, 'a.jpg')
  expect([id, again, other].map((one) => device.row(one)?.name)).toEqual(['photos/a.jpg', 'photos/a.jpg', 'a.jpg'])
  expect(device.running.fileReader(id).name).toBe('a.jpg')
  expect((await device.running.openLink(device.running.link(again))).name).toBe('a.jpg')
})

/** Removes the file, and waits until no host and no list has anything of it. A receipt whose shards are released in several turns stays in the list. */
async function goesWithoutTrace(made: StorageWorld, device: Device, hosts: readonly MemoryHost[], id: string): Promise<void> {
  await device.running.remove(id)
  await made.until(() => hosts.every(({ shardDisk }) => shardDisk.shards.size === 0), 'empty vaults')
  await made.until(() => ![...device.metaDisk.entries.keys()].some((key) => /^(file|ref|sealed|use|piece|release|node)\//.test(key)), 'an empty list')
}

test('a file of many groups, whose manifest and placement are trees on hosts, reads back anywhere, and goes without a trace', async () => {
  const made = await world(0)
  const hosts = await made.hosts(9)
  const device = made.device({ redundancy: { k: 2, n: 3 }, pieceBytes: 3000 })
  await device.start()
  const bytes = noise(1.1 * MIB)
  const id = await device.store(testFile('many', bytes))
  expect(device.row(id)?.status).toMatchObject({ kind: 'safe', survives: 1 })
  const nodes = [...device.metaDisk.entries.keys()].filter((key) => key.startsWith('node/'))
  expect(nodes.length).toBeGreaterThan(2)
  expect(await reads(device.running.fileReader(id), bytes)).toBe(true)
  const reader = made.reader()
  const shared = await reader.linkReader(device.running.link(id))
  hosts[0]?.kill()
  for (const offset of [0, 2999, 3000, 500_000, 1_000_000]) {
    expect(await readAll(shared, offset, 7000)).toEqual(bytes.slice(offset, offset + 7000))
  }
  expect(await reads(shared, bytes)).toBe(true)
  await hosts[0]?.start()
  await goesWithoutTrace(made, device, hosts, id)
})

describe('a file of many groups goes without a trace', () => {
  const options = { redundancy: { k: 2, n: 3 }, pieceBytes: 3000 }
  const PIECES = Math.ceil((1.1 * MIB) / options.pieceBytes)
  const hasNodes = (device: Device): boolean => [...device.metaDisk.entries.keys()].some((key) => key.startsWith('node/'))

  test('though its trees were brought to hosts twice, since the device died in between and hosts were away', async () => {
    const made = await world(0)
    const hosts = await made.hosts(9)
    const device = made.device(options)
    await device.start()
    const [id = ''] = await device.running.add([{ file: testFile('many', noise(1.1 * MIB)), path: 'many' }])
    await made.until(() => hasNodes(device))
    expect(device.row(id)?.status.kind).toBe('storing')
    await device.crash()
    for (const host of hosts.slice(0, 2)) host.kill()
    await device.start()
    await device.reaches(id, 'safe')
    for (const host of hosts.slice(0, 2)) await host.start()
    await goesWithoutTrace(made, device, hosts, id)
  })

  test.each([0, 1, 2, 5, 20])('though it is removed while its trees are on their way to hosts (%i)', async (turns) => {
    const made = await world(0)
    const hosts = await made.hosts(9)
    const device = made.device(options)
    await device.start()
    const [id = ''] = await device.running.add([{ file: testFile('many', noise(1.1 * MIB)), path: 'many' }])
    let left = turns
    const shards = (): number => hosts.reduce((sum, { shardDisk }) => sum + shardDisk.shards.size, 0)
    // More than the shards of all pieces: those of the trees are coming.
    await made.until(() => shards() > PIECES * options.redundancy.n && left-- === 0, 'trees on their way')
    await goesWithoutTrace(made, device, hosts, id)
  })
})

test('the same large file again, once all hosts of the first are gone, has a link that opens from the new ones', async () => {
  const made = await world(0)
  const gone = await made.hosts(3)
  const device = made.device({ redundancy: { k: 2, n: 3 }, pieceBytes: 3000 })
  await device.start()
  const bytes = noise(1.1 * MIB)
  await device.store(testFile('many', bytes))
  expect([...device.metaDisk.entries.keys()].some((key) => key.startsWith('node/'))).toBe(true)
  for (const host of gone) host.kill()
  await made.hosts(3)
  await made.until(() => device.running.snapshot().hosts === 3, 'the new hosts')
  const id = await device.store(testFile('again', bytes))
  expect(device.row(id)?.status).toMatchObject({ kind: 'safe', survives: 1 })
  const reader = made.reader()
  const shared = await reader.linkReader(device.running.link(id))
  expect(await readAll(shared, 800_000, 7000)).toEqual(bytes.slice(800_000, 807_000))
  await reader.stop()
})

describe('a part of the drive', () => {
  const forever = new AbortController().signal

  test('is stored like a file, is shown to nobody, survives a restart, and opens by its link on another device', async () => {
    const made = await world(16)
    const device = made.device()
    await device.start()
    const bytes = noise(100_000)
    const seed = await device.running.storePart(bytes, forever)
    expect(device.running.snapshot().files).toEqual([])
    expect(await reads(await device.running.seedReader(seed), bytes)).toBe(true)
    await device.crash()
    await device.start()
    expect(device.running.snapshot().files).toEqual([])
    expect(await reads(await device.running.seedReader(seed), bytes)).toBe(true)
    const other = made.device()
    await other.start()
    expect(await reads(await other.running.seedReader(seed), bytes)).toBe(true)
  })

  test('is removed from its hosts when it is not kept any more, and no other with it', async () => {
    const made = await world(0)
    const hosts = await made.hosts(3)
    const device = made.device()
    await device.start()
    const held = (): number => hosts.reduce((sum, { shardDisk }) => sum + shardDisk.shards.size, 0)
    const first = await device.running.storePart(noise(5000, 1), forever)
    const ofFirst = held()
    const second = await device.running.storePart(noise(9000, 2), forever)
    const ofSecond = held() - ofFirst
    expect(Math.min(ofFirst, ofSecond)).toBeGreaterThan(0)
    await device.running.keepParts([second])
    await made.until(() => held() === ofSecond)
    expect(await reads(await device.running.seedReader(second), noise(9000, 2))).toBe(true)
    await expect(made.device().start().then((other) => other.seedReader(first))).rejects.toMatchObject({ code: 'link.gone' })
  })

  test('stays with its device: no backup holds it', async () => {
    const made = await world(3)
    const device = made.device()
    await device.start()
    await device.running.storePart(noise(5000), forever)
    const id = await device.store(testFile('file', noise(5000, 2)))
    const other = made.device()
    await other.start()
    expect(await other.running.restore(await device.running.backup())).toBe(1)
    const ids = [...other.metaDisk.entries.keys()].filter((key) => /^(part|file)\//.test(key))
    expect(ids).toEqual([`file/${id}`])
    expect(await reads(other.running.fileReader(id), noise(5000, 2))).toBe(true)
  })

  test('that was not read to its end goes at the next start: nobody has its bytes any more', async () => {
    const made = await world(0)
    const device = made.device()
    await device.start()
    device.running.storePart(noise(5000), forever).catch(() => undefined)
    await made.until(() => [...device.metaDisk.entries.keys()].some((key) => key.startsWith('part/')))
    await device.crash()
    const left = (): boolean => [...device.metaDisk.entries.keys()].some((key) => /^(part|file)\//.test(key))
    expect(left()).toBe(true)
    await device.start()
    await made.until(() => !left())
  })

  test('that no host takes is given up when whoever waits gives up, and leaves nothing behind', async () => {
    const made = await world(0)
    const device = made.device()
    await device.start()
    const late = new AbortController()
    const storing = device.running.storePart(noise(5000), late.signal)
    storing.catch(() => undefined)
    await new Promise((resolve) => setTimeout(resolve, 50))
    late.abort()
    await expect(storing).rejects.toMatchObject({ kind: 'aborted' })
    await made.until(() => [...device.metaDisk.entries.keys()].every((key) => !/^(part|file|ref|sealed)\//.test(key)))
  })
})
