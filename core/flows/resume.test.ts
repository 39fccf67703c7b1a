import { afterEach, expect, test, vi } from 'vitest'
import type { Bytes } from '../base/bytes.ts'
import { AppError } from '../base/errors.ts'
import { SeededRandom } from '../testkit/seeded-random.ts'
import { reads, storageWorld, testFile, type Device, type StorageWorld } from '../testkit/storage-world.ts'
import type { MemoryHost } from '../testkit/shard-world.ts'

const MIB = 1024 * 1024

// Real hashing, sealing and coding on whatever machine this is.
vi.setConfig({ testTimeout: 120_000 })

const worlds: StorageWorld[] = []

afterEach(() => {
  for (const made of worlds.splice(0)) made.close()
})

const noise = (length: number, seed = 1): Bytes => new SeededRandom(seed).bytes(length)

/** A world of hosts that count how often each shard was sent to them. */
async function counted(hosts: number, seed = 1): Promise<{ made: StorageWorld; device: Device; hosts: MemoryHost[]; puts: Map<string, number> }> {
  const made = await storageWorld(0, seed)
  worlds.push(made)
  const puts = new Map<string, number>()
  const all = await made.hosts(hosts, {
    wrapShards: (store) => {
      const put = store.put.bind(store)
      store.put = async (root, bytes) => {
        puts.set(root, (puts.get(root) ?? 0) + 1)
        await put(root, bytes)
      }
      return store
    },
  })
  return { made, device: made.device({ redundancy: { k: 4, n: 6 } }), hosts: all, puts }
}

/** Stores one file with a crash after the `at`-th operation on a disk, then starts again. */
async function crashAt(at: number): Promise<{ crashed: boolean; again: number }> {
  const { made, device, puts } = await counted(6, at)
  const bytes = noise(1.3 * MIB, 7)
  const file = testFile('a', bytes)
  await device.start()
  device.faults.crashAfter(at)
  const { faults } = device
  const id = await device.running.add([{ file, path: 'a' }]).then(
    ([one]) => one,
    () => undefined,
  )
  await made.until(() => faults.crashed || device.row(id ?? '')?.status.kind === 'safe', `the crash after ${String(at)}`)
  if (!faults.crashed) return { crashed: false, again: 0 }
  await device.crash()
  const known = [...device.metaDisk.entries.keys()].find((key) => key.startsWith('file/'))?.slice('file/'.length)
  if (known !== undefined) device.handles.set(known, file)
  await device.start()
  const after = known ?? (await device.running.add([{ file, path: 'a' }]))[0] ?? ''
  await device.reaches(after, 'safe')
  expect(await reads(device.running.fileReader(after), bytes)).toBe(true)
  await made.until(() => device.shardDisk.shards.size === 0, 'an empty outbox')
  expect(device.running.snapshot().files).toHaveLength(1)
  await device.crash()
  made.close()
  return { crashed: true, again: [...puts.values()].filter((count) => count > 1).length }
}

test('whichever operation on a disk is the last before a crash, the file ends stored and no shard is sent twice', async () => {
  let crashes = 0
  for (let at = 1; ; at++) {
    const { crashed, again } = await crashAt(at)
    expect({ at, again }).toEqual({ at, again: 0 })
    if (!crashed) break
    crashes++
  }
  expect(crashes).toBeGreaterThan(30)
}, 240_000)

test('whichever operation on a disk fails, the file is stored in the end, after a retry at most', async () => {
  for (let at = 4; ; at += 2) {
    const { made, device } = await counted(6, at)
    const bytes = noise(1.3 * MIB, 7)
    await device.start()
    const begun = device.faults.count
    device.faults.fail(at, new AppError('quota', 'storage.full', 'injected'))
    const [id = ''] = await device.running.add([{ file: testFile('a', bytes), path: 'a' }])
    const { status } = await device.reaches(id, 'safe', 'failed')
    if (status.kind === 'failed') {
      expect(status.error.code).toBe('storage.full')
      await device.running.retry(id)
      await device.reaches(id, 'safe')
    }
    await made.until(() => device.shardDisk.shards.size === 0 || status.kind === 'safe', 'an empty outbox')
    if (device.faults.count - begun < at) break
    expect(await reads(device.running.fileReader(id), bytes)).toBe(true)
    expect(device.reports.filter(({ code }) => code !== 'storage.full')).toEqual([])
    await device.crash()
    made.close()
  }
}, 240_000)

test('what is sealed goes on without the file; for the rest the list asks for it, and takes it under the same name', async () => {
  const { made, device, hosts } = await counted(6)
  for (const host of hosts) host.kill()
  await device.start()
  const bytes = noise(20 * MIB, 3)
  const file = testFile('a', bytes)
  const [id = ''] = await device.running.add([{ file, path: 'a' }])
  await made.until(() => device.shardDisk.shards.size >= 12)
  await device.crash()
  for (const host of hosts) await host.start()
  await device.start()
  await made.until(() => device.shardDisk.shards.size === 0 && (device.row(id)?.needsFile ?? false), 'the sealed part to be sent')
  expect(device.row(id)?.status.kind).toBe('storing')
  expect(await device.running.add([{ file: testFile('a', bytes, 5), path: 'a' }])).not.toEqual([id])
  expect(await device.running.add([{ file, path: 'a' }])).toEqual([id])
  await device.reaches(id, 'safe')
  expect(await reads(device.running.fileReader(id), bytes)).toBe(true)
})

test('a removal that a crash cut short is finished by the next run', async () => {
  for (const at of [1, 3, 6, 10, 15, 20]) {
    const { made, device, hosts } = await counted(6, at)
    await device.start()
    const id = await device.store(testFile('a', noise(1.2 * MIB)))
    const { faults } = device
    faults.crashAfter(at)
    await device.running.remove(id).catch(() => undefined)
    await made.until(() => faults.crashed || hosts.every(({ shardDisk }) => shardDisk.shards.size === 0))
    await device.crash()
    await device.start()
    expect(device.running.snapshot().files).toEqual([])
    await made.until(() => hosts.every(({ shardDisk }) => shardDisk.shards.size === 0), `empty vaults after a crash at ${String(at)}`)
    await device.crash()
    made.close()
  }
})
