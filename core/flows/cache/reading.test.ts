import { afterEach, describe, expect, test, vi } from 'vitest'
import { concat, equal, fromBase64Url, utf8, type Bytes } from '../../base/bytes.ts'
import { SeededRandom } from '../../testkit/seeded-random.ts'
import { failureOf, readAll, reads, storageWorld, testFile, type Device, type StorageWorld } from '../../testkit/storage-world.ts'

// Real hashing, sealing and coding on whatever machine this is.
vi.setConfig({ testTimeout: 120_000 })

const MIB = 2 ** 20
const GIB = 2 ** 30
const redundancy = { k: 2, n: 3 }

const worlds: StorageWorld[] = []
afterEach(() => {
  for (const made of worlds.splice(0)) made.close()
})

const noise = (length: number, seed = 1): Bytes => new SeededRandom(seed).bytes(length)

async function world() {
  const made = await storageWorld()
  worlds.push(made)
  const hosts = await made.hosts(3)
  const goAway = (): void => {
    for (const host of hosts) host.kill()
    made.shards.dht.servers = 0
  }
  return { made, hosts, goAway }
}

/** All bytes of another device's file. */
async function readOther(device: Device, seed: Bytes, size: number, keep = false): Promise<Bytes> {
  const parts: Bytes[] = []
  for await (const part of device.running.readContent(seed, 0, size, { keep })) parts.push(part)
  return concat(parts)
}

async function restart(device: Device): Promise<void> {
  await device.running.stop()
  await device.crash()
  await device.start()
}

function damageAll(device: Device): void {
  for (const held of device.copies.shards.shards.values()) held.bytes = held.bytes?.map((byte, at) => (at === 0 ? byte ^ 1 : byte))
}

describe('a file with copies on this device', () => {
  test('opens after a restart with no host there, whether it has chunks of its own or shares one', async () => {
    const { made, goAway } = await world()
    const device = made.device({ room: GIB, redundancy })
    await device.start()
    const [large, small] = [noise(3 * MIB), noise(20_000, 2)]
    const ids = [await device.store(testFile('large', large)), await device.store(testFile('small', small))]
    const readers = (): Promise<boolean>[] => ids.map((id, i) => reads(device.running.fileReader(id), i === 0 ? large : small))
    expect(await Promise.all(readers())).toEqual([true, true])
    await restart(device)
    goAway()
    expect(await Promise.all(readers())).toEqual([true, true])
    expect(device.reports).toEqual([])
  })

  test('is here as soon as it was stored, unless it lies in a pack with others', async () => {
    const { made, goAway } = await world()
    const device = made.device({ room: GIB, redundancy })
    await device.start()
    const bytes = noise(3 * MIB)
    const small = [2, 3].map((seed) => ({ file: testFile(String(seed), noise(20_000, seed)), path: String(seed) }))
    const id = await device.store(testFile('large', bytes))
    const pieces = device.copies.shards.shards.size
    expect(pieces).toBeGreaterThan(0)
    for (const one of await device.running.add(small)) await device.reaches(one, 'safe', 'stored')
    expect(device.copies.shards.shards.size).toBe(pieces)
    await restart(device)
    goAway()
    expect(await reads(device.running.fileReader(id), bytes)).toBe(true)
  })

  test('that another device stored opens so, too, with all that leads to its chunks', async () => {
    const { made, goAway } = await world()
    const device = made.device({ redundancy: { k: 10, n: 11 }, pieceBytes: 6000 })
    await device.start()
    const bytes = noise(1_200_000)
    const tiny = utf8('a few words')
    const seeds = [bytes, tiny].map(async (one, i) => fromBase64Url(device.running.link(await device.store(testFile(String(i), one)))))
    const [seed, inline] = await Promise.all(seeds)
    const other = made.device({ room: GIB })
    await other.start()
    expect(equal(await readOther(other, seed!, bytes.length), bytes)).toBe(true)
    expect(await readOther(other, inline!, tiny.length)).toEqual(tiny)
    // Pieces, two share objects, and nodes of the tree between them.
    expect(other.copies.shards.shards.size).toBeGreaterThan(200 + 2)
    await restart(other)
    goAway()
    expect(equal(await readOther(other, seed!, bytes.length), bytes)).toBe(true)
    expect(await readOther(other, inline!, tiny.length)).toEqual(tiny)
  })

  test('whose copies were changed on the disk comes from hosts, and its copies are right again', async () => {
    const { made, goAway } = await world()
    const device = made.device({ redundancy })
    await device.start()
    const bytes = noise(MIB + 1)
    const seed = fromBase64Url(device.running.link(await device.store(testFile('a', bytes))))
    const other = made.device({ room: GIB })
    await other.start()
    for (const keep of [false, true]) {
      await readOther(other, seed, bytes.length, keep)
      await restart(other)
      damageAll(other)
      expect(equal(await readOther(other, seed, bytes.length, keep), bytes)).toBe(true)
      await restart(other)
    }
    goAway()
    expect(equal(await readOther(other, seed, bytes.length), bytes)).toBe(true)
  })

  test('of which only a part is here fails as ever while its hosts are away, and comes whole once they are back', async () => {
    const { made, hosts } = await world()
    const device = made.device({ redundancy, pieceBytes: 100_000 })
    await device.start()
    const bytes = noise(1_200_000)
    const seed = fromBase64Url(device.running.link(await device.store(testFile('a', bytes))))
    const other = made.device({ room: GIB })
    await other.start()
    await readOther(other, seed, 10_000)
    await restart(other)
    const refused = await failureOf((async () => {
      for (const host of hosts) host.kill()
      await readOther(other, seed, bytes.length)
    })())
    expect(refused.kind).toBe('transient')
    for (const host of hosts) await host.start()
    await made.until(() => other.running.totals().hosts === 3)
    expect(equal(await readOther(other, seed, bytes.length), bytes)).toBe(true)
  })

  test('costs the disk nothing when it is one of many that are read once', async () => {
    const { made } = await world()
    const device = made.device({ room: GIB, redundancy })
    await device.start()
    const bytes = noise(20_000)
    const reader = device.running.fileReader(await device.store(testFile('a', bytes)))
    const before = device.copies.shards.shards.size
    for await (const part of reader.read(0, bytes.length, { many: true })) expect(part.length).toBe(bytes.length)
    await restart(device)
    expect(device.copies.shards.shards.size).toBe(before)
  })

  test('is read as ever when its copies cannot be written', async () => {
    const { made } = await world()
    const device = made.device({ room: GIB, redundancy })
    await device.start()
    const bytes = noise(MIB + 1)
    device.copies.shards.quota = 1000
    const id = await device.store(testFile('a', bytes))
    expect(await reads(device.running.fileReader(id), bytes)).toBe(true)
    expect(device.copies.shards.shards.size).toBe(0)
    const kept = device.running.fileReader(id).read(0, bytes.length, { keep: true })
    expect(await failureOf(kept[Symbol.asyncIterator]().next())).toMatchObject({ kind: 'quota' })
    expect(equal(await readAll(device.running.fileReader(id)), bytes)).toBe(true)
  })

  test('leaves neither its bytes nor its link on the disk of copies', async () => {
    const { made } = await world()
    const device = made.device({ room: GIB, redundancy })
    await device.start()
    const bytes = utf8('a diary, page by page. '.repeat(2000))
    const id = await device.store(testFile('a', bytes))
    for await (const part of device.running.fileReader(id).read(0, bytes.length, { keep: true })) expect(part.length).toBe(bytes.length)
    const seed = fromBase64Url(device.running.link(id))
    const disk = [...device.copies.shards.shards.values()].map(({ bytes: held }) => held!)
    expect(disk.length).toBeGreaterThan(0)
    const all = [...disk, ...[...device.copies.meta.entries].flatMap(([key, value]) => [utf8(key), new Uint8Array(value)])]
    for (const secret of [utf8('a diary'), seed.slice(0, 8)]) expect(all.some((one) => holds(one, secret))).toBe(false)
  })
})

function holds(bytes: Uint8Array, part: Uint8Array): boolean {
  return bytes.some((_, at) => part.every((byte, i) => bytes[at + i] === byte))
}
