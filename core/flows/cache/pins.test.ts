import { afterEach, describe, expect, test, vi } from 'vitest'
import { TOP } from '../../formats/drive.ts'
import { SeededRandom } from '../../testkit/seeded-random.ts'
import { failureOf, reads, storageWorld, testFile, type Device, type StorageWorld } from '../../testkit/storage-world.ts'
import { DriveFiles } from '../drive/files.ts'
import { OwnDrive } from '../drive/own-drive.ts'
import { Pins } from './pins.ts'

// Real hashing, sealing and coding on whatever machine this is.
vi.setConfig({ testTimeout: 120_000 })

const redundancy = { k: 2, n: 3 }
const worlds: StorageWorld[] = []
const ends: AbortController[] = []
afterEach(() => {
  for (const end of ends.splice(0)) end.abort()
  for (const made of worlds.splice(0)) made.close()
})

const noise = (seed: number, length = 30_000): Uint8Array<ArrayBuffer> => new SeededRandom(seed).bytes(length)

async function world() {
  const made = await storageWorld()
  worlds.push(made)
  const hosts = await made.hosts(3)
  /** What a session has, on a device that runs. */
  const open = async (device: Device) => {
    const storage = await device.start()
    const { random, clock } = made.shards
    const report = (error: Error): void => { throw error }
    const own = await OwnDrive.open(storage.list.journal, { random, now: () => clock.now(), device: 0, report })
    const files = new DriveFiles({ own, storage, clock, report, note: () => undefined, published: () => undefined })
    await files.start()
    const end = new AbortController()
    ends.push(end)
    const pins = new Pins({
      ...storage.cache!,
      clock,
      view: () => files.view,
      reader: (file) => files.reader(file),
      hostsChanged: storage.swarm.hosts.changed,
      busy: () => storage.totals().unfinished > 0,
      changed: () => undefined,
      report: (error) => void device.reports.push(error),
    })
    own.drive.watch(() => { pins.wake() }, end.signal)
    await pins.load()
    const running = pins.run(end.signal)
    const add = async (path: string, seed: number): Promise<string> => {
      await files.add([{ file: testFile(path, noise(seed)), path }], TOP)
      const id = at(path)
      await made.until(() => files.stored(id)?.record.status === 'stored', `${path} stored`)
      return id
    }
    const at = (path: string): string => {
      let id = TOP
      for (const name of path.split('/')) id = files.view.children(id).find((entry) => entry.name === name)?.id ?? 'nothing'
      return id
    }
    const state = (id: string) => pins.state(files.view.entry(id))
    const isKept = (id: string): Promise<void> => made.until(() => state(id)?.percent === 100, `${id} kept: ${JSON.stringify(state(id))}`)
    const stop = async (): Promise<void> => {
      end.abort()
      await running
      await storage.stop()
      await device.crash()
    }
    return { storage, files, pins, add, at, state, isKept, stop }
  }
  const goAway = (): void => {
    for (const host of hosts) host.kill()
    made.shards.dht.servers = 0
  }
  return { made, hosts, goAway, open, device: made.device({ room: 0, redundancy }) }
}

function holders(device: Device): Set<string> {
  return new Set([...device.copies.meta.entries.keys()].filter((key) => key.startsWith('hold/')).map((key) => key.split('/')[1] ?? ''))
}

describe('what is kept on this device', () => {
  test('opens without hosts after a restart, though there is no room for other copies', async () => {
    const { device, open, goAway } = await world()
    const first = await open(device)
    const [a, b] = [await first.add('a', 1), await first.add('b', 2)]
    await first.pins.set([a], true)
    await first.isKept(a)
    expect([first.state(a), first.state(b)]).toEqual([{ chosen: true, percent: 100 }, undefined])
    await first.stop()
    const again = await open(device)
    goAway()
    expect(again.state(a)).toEqual({ chosen: true, percent: 100 })
    expect(await reads(again.files.reader(a), noise(1))).toBe(true)
    expect((await failureOf(reads(again.files.reader(b), noise(2)))).kind).toBe('transient')
    expect(device.reports).toEqual([])
  })

  test('is let go when the person does not want it any more, or it goes to the trash', async () => {
    const { device, open, made } = await world()
    const { pins, add, isKept, files, state } = await open(device)
    const [a, b] = [await add('a', 1), await add('b', 2)]
    await pins.set([a, b], true)
    await isKept(a)
    await isKept(b)
    await pins.set([a], false)
    await made.until(() => holders(device).size === 1)
    expect(state(a)).toBeUndefined()
    await files.change((edit) => edit.trash([b]))
    await made.until(() => holders(device).size === 0)
    expect(state(b)).toBeUndefined()
    expect(device.copies.shards.shards.size).toBe(0)
    await files.change((edit) => edit.restore([b]))
    await isKept(b)
  })

  test('follows new versions, and lets the old ones go', async () => {
    const { device, open, made, goAway } = await world()
    const { pins, add, isKept, files, storage } = await open(device)
    const a = await add('a', 1)
    await pins.set([a], true)
    await isKept(a)
    expect(await add('a', 2)).toBe(a)
    await isKept(a)
    const current = storage.cache?.shelves.holder(files.view.content(a, files.view.entry(a).current?.id ?? ''))
    await made.until(() => holders(device).size === 1 && holders(device).has(current ?? ''), 'one version')
    goAway()
    expect(await reads(files.reader(a), noise(2))).toBe(true)
  })

  test('is a folder with all that is in it, and what comes into it later', async () => {
    const { device, open, made } = await world()
    const { pins, add, isKept, at, state, files } = await open(device)
    await add('x/y/a', 1)
    await pins.set([at('x')], true)
    await isKept(at('x'))
    expect([state(at('x')), state(at('x/y')), state(at('x/y/a'))]).toEqual([{ chosen: true, percent: 100 }, { chosen: false, percent: 100 }, { chosen: false, percent: 100 }])
    const b = await add('b', 2)
    expect(state(b)).toBeUndefined()
    await files.change((edit) => edit.move([b], at('x/y')))
    await isKept(b)
    await files.change((edit) => edit.move([b], TOP))
    await made.until(() => state(b) === undefined && holders(device).size === 1)
  })

  test('goes on being fetched when its hosts are back, also after a restart', async () => {
    const { device, open, made, hosts } = await world()
    const first = await open(device)
    const a = await first.add('a', 1)
    for (const host of hosts) host.kill()
    await made.until(() => first.storage.totals().hosts === 0)
    await first.pins.set([a], true)
    expect(first.state(a)?.percent).toBe(0)
    await first.stop()
    const again = await open(device)
    expect(again.state(a)?.percent).toBe(0)
    for (const host of hosts) await host.start()
    await again.isKept(a)
  })

  test('is fetched again when its copies turn out to be damaged', async () => {
    const { device, open, goAway } = await world()
    const { pins, add, isKept, files } = await open(device)
    const a = await add('a', 1)
    await pins.set([a], true)
    await isKept(a)
    for (const held of device.copies.shards.shards.values()) held.bytes = undefined
    const name = [...device.copies.shards.shards.keys()][0] ?? ''
    await device.running.cache?.copies.get(name)
    await isKept(a)
    goAway()
    expect(await reads(files.reader(a), noise(1))).toBe(true)
  })

  test('says so when the browser grants no room for it, and is complete once it does', async () => {
    const { device, open, made } = await world()
    const { pins, add, isKept, state } = await open(device)
    const a = await add('a', 1)
    device.copies.shards.quota = 1000
    await pins.set([a], true)
    await made.until(() => pins.problem !== undefined)
    expect(pins.problem).toMatchObject({ kind: 'quota', code: 'copies.full' })
    expect(state(a)?.percent).toBe(0)
    device.copies.shards.quota = 2 ** 40
    await isKept(a)
    expect(pins.problem).toBeUndefined()
  })

  test('cannot be what is not there', async () => {
    const { device, open } = await world()
    const { pins } = await open(device)
    expect(await failureOf(pins.set(['fAAAAAAAAAAAA'], true))).toMatchObject({ kind: 'absent', code: 'entry.absent' })
  })
})
