import { afterEach, expect, test, vi } from 'vitest'
import { decode } from '../../formats/codec.ts'
import { hostRecord, type HostRecord } from '../../formats/list.ts'
import { SeededRandom } from '../../testkit/seeded-random.ts'
import { reads, storageWorld, testFile, type Device, type StorageWorld } from '../../testkit/storage-world.ts'

// Real hashing, sealing and coding on whatever machine this is.
vi.setConfig({ testTimeout: 120_000 })

let made: StorageWorld
afterEach(() => {
  made.close()
})

/** What the device has on disk about a host. */
function known(device: Device, key: string): HostRecord {
  const value = device.metaDisk.entries.get(`host/${key}`)
  if (value === undefined) throw new Error('nothing is known of this host')
  return decode(hostRecord, value)
}

function incidents({ days }: HostRecord): number {
  return days.reduce((sum, { corrupt, absent, stalled }) => sum + corrupt + absent + stalled, 0)
}

test('a host that comes back with its pieces gives them again, under the name it has made itself, and gets none a second time', async () => {
  made = await storageWorld()
  const [first, second, third] = await made.hosts(3)
  if (first === undefined || second === undefined || third === undefined) throw new Error('no hosts')
  const device = made.device({ redundancy: { k: 2, n: 3 } })
  await device.start()
  const bytes = new SeededRandom(1).bytes(500_000)
  const id = await device.store(testFile('a', bytes))
  const safe = { kind: 'safe', survives: 1, hosts: 3 }
  expect(device.row(id)?.status).toEqual(safe)
  const before = known(device, first.key.name)

  first.kill()
  await made.until(() => device.running.snapshot().hosts === 2, 'the loss')
  expect(await reads(device.running.fileReader(id), bytes)).toBe(true)
  expect(device.row(id)).toMatchObject({ status: safe, notes: [] })

  await first.restart()
  await made.until(() => device.running.snapshot().hosts === 3, 'the return')
  second.kill()
  // Without the one that came back there is one row too few.
  expect(await reads(device.running.fileReader(id), bytes)).toBe(true)
  expect(device.row(id)).toMatchObject({ status: safe, notes: [] })
  await second.restart()
  await made.until(() => device.running.snapshot().hosts === 3, 'the second return')

  const held = [...first.shardDisk.shards.keys()]
  const again = await device.store(testFile('b', bytes))
  expect(device.row(again)?.status).toEqual(safe)
  expect([...first.shardDisk.shards.keys()]).toEqual(held)
  const after = known(device, first.key.name)
  expect(incidents(after)).toBe(0)
  expect(after.failures).toBe(0)
  expect(after.days[0]?.ok).toBeGreaterThanOrEqual(before.days[0]?.ok ?? 1)
})
