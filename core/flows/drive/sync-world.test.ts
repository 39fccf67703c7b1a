import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Bytes } from '../../base/bytes.ts'
import type { AppError } from '../../base/errors.ts'
import { decode } from '../../formats/codec.ts'
import { TOP } from '../../formats/drive.ts'
import { listKey } from '../../formats/list-key.ts'
import { syncRecord, type SyncRecord } from '../../formats/sync.ts'
import { text } from '../../testkit/drive-device.ts'
import { faultyMetaStore } from '../../testkit/faulty.ts'
import { MemoryMetaStore } from '../../testkit/memory-meta-store.ts'
import { storageWorld, type Device, type StorageWorld } from '../../testkit/storage-world.ts'
import { Journal } from '../journal.ts'
import { Heads } from './heads.ts'
import { OwnDrive } from './own-drive.ts'
import { DriveSync } from './sync.ts'

// The same as sync.test.ts with real hosts, keys, links and parts; chance and hours are there.
vi.setConfig({ testTimeout: 120_000 })

/** Turns between two looks. */
const LOOK_TURNS = 1000

const worlds: StorageWorld[] = []
afterEach(() => {
  for (const made of worlds.splice(0)) made.close()
})

/** A browser of the account. */
class Browser {
  readonly device: Device
  own!: OwnDrive
  sync!: DriveSync
  private over = new AbortController()
  private readonly made: StorageWorld
  private readonly master: Bytes

  constructor(made: StorageWorld, master: Bytes) {
    this.made = made
    this.master = master
    this.device = made.device({ redundancy: { k: 2, n: 3 } })
  }

  async start(): Promise<this> {
    this.over = new AbortController()
    const storage = await this.device.start()
    const { clock, random, blake3 } = this.made.shards
    const journal = new Journal(faultyMetaStore(new MemoryMetaStore(this.device.metaDisk), this.device.faults))
    const report = (error: AppError): void => void this.device.reports.push(error)
    this.own = await OwnDrive.open(journal, { report, random, now: () => clock.now(), device: 0 })
    const heads = new Heads(this.master, storage.swarm)
    this.sync = new DriveSync({ own: this.own, storage, heads, journal, clock, random, blake3, deviceName: 'a browser', changed: () => undefined, report })
    await this.sync.load()
    void this.sync.run(this.over.signal)
    return this
  }

  async crash(): Promise<void> {
    this.device.faults.crashed = true
    this.over.abort()
    await this.device.crash()
  }

  async add(names: readonly string[], bytes = 100): Promise<void> {
    for (const name of names) this.own.drive.edit.addFile(TOP, name, { ...text(''), content: this.made.shards.random.bytes(bytes) })
    const change = await this.own.save()
    if (change !== undefined) this.sync.note(change)
  }

  get names(): string[] {
    return this.own.drive.view.children(TOP).map(({ name }) => name).sort()
  }

  get record(): SyncRecord {
    return decode(syncRecord, this.device.metaDisk.entries.get(listKey.sync)!)
  }

  get parts(): number {
    return [...this.device.metaDisk.entries.keys()].filter((key) => key.startsWith('part/')).length
  }

  /** Lets time pass until hosts have all of its drive. */
  async isPublished(): Promise<void> {
    await this.made.until(() => this.sync.state().published && this.sync.sequence() > 0, `a head: ${String(this.sync.state().problem?.stack)}`)
  }

  /** Lets time pass until it lists so many files; somebody looks at it now and then. */
  async has(count: number): Promise<void> {
    let turn = 0
    const met = (): boolean => {
      if (turn++ % LOOK_TURNS === 0) this.sync.poke()
      return this.names.length === count
    }
    await this.made.until(met, `${String(count)} files: ${String(this.sync.state().problem?.stack)}`)
  }
}

async function world(hosts = 4) {
  const made = await storageWorld(0)
  worlds.push(made)
  const all = await made.hosts(hosts)
  const master = made.shards.random.bytes(32)
  return { made, all, browser: () => new Browser(made, master) }
}

const many = (count: number, prefix: string): string[] => Array.from({ length: count }, (_, i) => `${prefix} ${String(i)}`)

describe('the drive of an account on real hosts', () => {
  test('is the same on two devices that changed it at once, and whole on a third when both are off and the DHT has forgotten', async () => {
    const { made, browser } = await world()
    const [a, b] = [await browser().start(), await browser().start()]
    await Promise.all([a.add(many(30, 'a'), 3000), b.add(['from b'])])
    await Promise.all([a.isPublished(), b.isPublished()])
    for (const one of [a, b]) one.sync.poke()
    await Promise.all([a.has(31), b.has(31)])
    await Promise.all([a.isPublished(), b.isPublished()])
    expect([a.sync.state().index, b.sync.state().index].sort()).toEqual([0, 1])
    expect(a.record.parts.length).toBeGreaterThan(0)
    await a.crash()
    await b.crash()
    made.shards.dht.held.clear()
    const c = await browser().start()
    await c.has(31)
    expect(c.names).toEqual(a.names)
  })

  test('loses nothing with a device that vanishes as soon as it has published', async () => {
    const { browser } = await world()
    const a = await browser().start()
    await a.add(many(20, 'a'), 3000)
    await a.isPublished()
    await a.crash()
    const b = await browser().start()
    await b.has(20)
    await b.isPublished()
    expect(b.sync.state().devices.map(({ own }) => own)).toEqual([false, true])
  })

  test('waits for hosts, says so, and is published when they are back', async () => {
    const { made, all, browser } = await world(2)
    const a = await browser().start()
    for (const host of all) host.kill()
    await a.add(['a file'])
    await made.until(() => a.sync.state().problem !== undefined)
    expect(a.sync.state().published).toBe(false)
    for (const host of all) await host.start()
    await a.isPublished()
    await made.until(() => a.sync.state().problem === undefined)
  })

  test.each([3, 12, 25, 40, 60, 90])('is published whole by a device that died on the way (%i), with no part that nothing names', async (at) => {
    const { made, browser } = await world()
    const a = await browser().start()
    a.device.faults.crashAfter(at)
    await a.add(many(20, 'a'), 3000).catch(() => undefined)
    let turns = 3000
    await made.until(() => a.device.faults.crashed || turns-- === 0 || (a.sync.state().published && a.sync.sequence() > 1))
    await a.crash()
    await a.start()
    await a.add(['after that'])
    await a.isPublished()
    expect(a.sync.state().index).toBe(0)
    await made.until(() => a.parts === a.record.parts.length + a.record.dropped.length, 'no orphans')
    const names = a.names
    await a.crash()
    const b = await browser().start()
    await b.has(names.length)
    expect(b.names).toEqual(names)
    expect(b.sync.state().devices[0]?.index).toBe(0)
  })
})
