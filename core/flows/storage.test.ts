import { afterEach, expect, test, vi } from 'vitest'
import { utf8, type Bytes } from '../base/bytes.ts'
import { SeededRandom } from '../testkit/seeded-random.ts'
import { reads, storageWorld, testFile, type StorageWorld } from '../testkit/storage-world.ts'

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
