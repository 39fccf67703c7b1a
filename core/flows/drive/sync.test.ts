import { describe, expect, it, vi } from 'vitest'
import { toHex, type Bytes } from '../../base/bytes.ts'
import type { AppError } from '../../base/errors.ts'
import { TOP } from '../../formats/drive.ts'
import { decode } from '../../formats/codec.ts'
import { listKey } from '../../formats/list-key.ts'
import { syncRecord, type SyncRecord } from '../../formats/sync.ts'
import type { Entry } from '../../drive/view.ts'
import { text } from '../../testkit/drive-device.ts'
import { FakeClock } from '../../testkit/fake-clock.ts'
import { Faults, faultyMetaStore } from '../../testkit/faulty.ts'
import { MemorySwarm } from '../../testkit/memory-heads.ts'
import { MemoryMetaStore, memoryMetaDisk } from '../../testkit/memory-meta-store.ts'
import { loadBlake3 } from '../../merkle/blake3.ts'
import { SeededRandom } from '../../testkit/seeded-random.ts'
import { Journal } from '../journal.ts'
import { OwnDrive } from './own-drive.ts'
import { DriveSync } from './sync.ts'

vi.setConfig({ testTimeout: 60_000 })

const MINUTE = 60_000
const DAY = 86_400_000
const blake3 = await loadBlake3()

/** A device of the account: its disk outlives it. */
class Peer {
  readonly disk = memoryMetaDisk()
  readonly links = new Set<string>()
  readonly reports: AppError[] = []
  faults = new Faults()
  own!: OwnDrive
  sync!: DriveSync
  private over = new AbortController()
  readonly swarm: MemorySwarm
  readonly clock: FakeClock
  readonly random: SeededRandom
  readonly name: string

  constructor(swarm: MemorySwarm, clock: FakeClock, random: SeededRandom, name: string) {
    this.swarm = swarm
    this.clock = clock
    this.random = random
    this.name = name
  }

  async start(): Promise<this> {
    const { clock, random, swarm } = this
    this.faults = new Faults()
    this.over = new AbortController()
    const journal = new Journal(faultyMetaStore(new MemoryMetaStore(this.disk), this.faults))
    const report = (error: AppError): void => void this.reports.push(error)
    this.own = await OwnDrive.open(journal, { report, random, now: () => clock.now(), device: 0 })
    const deps = { own: this.own, storage: swarm.storage(this.links), heads: swarm.heads(), journal, clock, random, blake3, deviceName: this.name, changed: () => undefined, report }
    this.sync = new DriveSync(deps)
    await this.sync.load()
    void this.sync.run(this.over.signal)
    return this
  }

  crash(): void {
    this.faults.crashed = true
    this.over.abort()
  }

  async save(): Promise<void> {
    const change = await this.own.save()
    if (change !== undefined) this.sync.note(change)
  }

  async add(name: string, content = name): Promise<void> {
    this.own.drive.edit.addFile(TOP, name, text(content))
    await this.save()
  }

  get record(): SyncRecord {
    return decode(syncRecord, this.disk.entries.get(listKey.sync)!)
  }

  /** All that a person could reach, as lines in order. */
  shown(): string[] {
    const { view } = this.own.drive
    const lines: string[] = []
    const visit = (entry: Entry, above: string): void => {
      lines.push(above + entry.name + (entry.kind === 'file' ? ` = ${view.versions(entry.id).map(({ id }) => toHex(view.content(entry.id, id))).join('|')}` : ''))
      if (entry.kind === 'folder') for (const child of view.children(entry.id)) visit(child, `${above}${entry.name}/`)
    }
    for (const entry of view.children(TOP)) visit(entry, '')
    for (const entry of view.trash()) visit(entry, 'trash ')
    return lines.sort()
  }
}

function world(hosts = 4, seed = 1) {
  const random = new SeededRandom(seed)
  const swarm = new MemorySwarm(hosts, random)
  const clock = new FakeClock()
  let count = 0
  const peer = (): Promise<Peer> => new Peer(swarm, clock, random, `device ${String(count++)}`).start()
  return { random, swarm, clock, peer }
}

describe('drives of one account', () => {
  it('get what the others changed, whoever is there when', async () => {
    const { clock, peer } = world()
    const [a, b] = [await peer(), await peer()]
    await a.add('from a')
    await b.add('from b')
    await clock.advance(3 * MINUTE)
    expect(b.shown()).toEqual(a.shown())
    expect(a.shown()).toHaveLength(2)
    expect(a.sync.state()).toMatchObject({ published: true, looked: true, problem: undefined })
    expect([a.sync.state().index, b.sync.state().index].sort()).toEqual([0, 1])
    expect(a.sync.state().devices.map(({ name, own }) => [name, own])).toEqual(b.sync.state().devices.map(({ name, own }) => [name, !own]))
    a.crash()
    b.crash()
    const c = await peer()
    await clock.advance(MINUTE)
    expect(c.shown()).toEqual(a.shown())
    expect([...a.reports, ...b.reports, ...c.reports]).toEqual([])
  })

  it('are published once for each change, and no more while nothing changes', async () => {
    const { clock, peer, swarm } = world()
    const peers = [await peer(), await peer(), await peer()]
    await peers[0]!.add('a file')
    await clock.advance(10 * MINUTE)
    const { length } = swarm.published
    expect(new Set(swarm.published.map(({ index }) => index)).size).toBe(3)
    await clock.advance(60 * MINUTE)
    expect(swarm.published).toHaveLength(length)
    await peers[1]!.add('another')
    await clock.advance(10 * MINUTE)
    expect(swarm.published).toHaveLength(length + 3)
    expect(peers.map((one) => one.shown())).toEqual(Array(3).fill(peers[0]!.shown()))
  })

  it('that are empty are not published', async () => {
    const { clock, peer, swarm } = world()
    const a = await peer()
    await clock.advance(10 * MINUTE)
    expect(swarm.published).toEqual([])
    expect(a.sync.state()).toMatchObject({ published: true, index: undefined, publishedAt: undefined })
  })

  it('are published anew when their heads get old', async () => {
    const { clock, peer, swarm } = world()
    const a = await peer()
    await a.add('a file')
    await clock.advance(MINUTE)
    const { length } = swarm.published
    clock.jump(clock.now() + 7 * DAY)
    await clock.advance(61 * MINUTE)
    expect(swarm.published).toHaveLength(length + 1)
  })

  it('wait while hosts are away, say so, and are published when one is back', async () => {
    const { clock, peer, swarm } = world()
    const a = await peer()
    for (const host of swarm.hosts) host.away = true
    await a.add('a file')
    await clock.advance(MINUTE)
    expect(a.sync.state()).toMatchObject({ published: false, problem: { kind: 'transient' } })
    swarm.hosts[0]!.away = false
    await clock.advance(6 * MINUTE)
    expect(a.sync.state()).toMatchObject({ published: true, problem: undefined })
  })

  it('go to different indexes when two devices come at once, and nothing of either is lost', async () => {
    for (let seed = 1; seed < 12; seed++) {
      const { clock, peer } = world(3, seed)
      const [a, b] = [await peer(), await peer()]
      await Promise.all([a.add('from a'), b.add('from b')])
      await clock.advance(15 * MINUTE)
      expect([a.sync.state().index, b.sync.state().index].sort()).toEqual([0, 1])
      expect(a.shown()).toHaveLength(2)
      expect(b.shown()).toEqual(a.shown())
      a.crash()
      b.crash()
    }
  })

  it('know when a change is in the heads of all', async () => {
    const { clock, peer, swarm } = world()
    const [a, b] = [await peer(), await peer()]
    await a.add('a file')
    await clock.advance(5 * MINUTE)
    const first = a.sync.sequence()
    expect(a.sync.mergedByAll(first)).toBe(true)
    b.crash()
    await a.add('another')
    await clock.advance(5 * MINUTE)
    const second = a.sync.sequence()
    expect(second).toBeGreaterThan(first)
    expect([first, second, second + 1, 0].map((one) => a.sync.mergedByAll(one))).toEqual([true, false, false, false])
    swarm.gone.add(b.record.index!)
    await clock.advance(15 * MINUTE)
    expect(a.sync.mergedByAll(second)).toBe(true)
    expect(a.sync.state().devices).toHaveLength(1)
  })

  it('do not wait for a device that has signed out, once all that it had is merged', async () => {
    const { clock, peer } = world()
    const [a, b] = [await peer(), await peer()]
    await a.add('a file')
    await clock.advance(5 * MINUTE)
    await b.add('the last of b')
    b.own.drive.edit.noteLeft(b.sync.device)
    await b.save()
    await clock.advance(MINUTE)
    b.crash()
    await a.add('another')
    await clock.advance(5 * MINUTE)
    expect(a.shown()).toHaveLength(3)
    expect(a.sync.mergedByAll(a.sync.sequence())).toBe(true)
    expect(a.sync.state().devices).toHaveLength(1)
  })

  it('of a copied profile part, and nothing is overwritten for good', async () => {
    const { clock, peer, swarm, random } = world()
    const a = await peer()
    await a.add('first')
    await clock.advance(MINUTE)
    a.crash()
    const copy = new Peer(swarm, clock, random, 'copy')
    for (const [key, value] of a.disk.entries) copy.disk.entries.set(key, value)
    await a.start()
    await copy.start()
    await a.add('of the one')
    await clock.advance(MINUTE)
    await copy.add('of the other')
    await clock.advance(15 * MINUTE)
    expect(new Set([a.sync.state().index, copy.sync.state().index]).size).toBe(2)
    expect(a.shown()).toHaveLength(3)
    expect(copy.shown()).toEqual(a.shown())
  })

  it('skip an update that is damaged, tell it once, and merge all else', async () => {
    const { clock, peer, swarm } = world()
    const [a, b] = [await peer(), await peer()]
    await a.add('from a')
    await clock.advance(5 * MINUTE)
    const { index, sequence } = a.record
    a.crash()
    const heads = swarm.heads()
    const { head } = await heads.get(index!, new AbortController().signal)
    const bad: Bytes = Uint8Array.of(1, 2, 3)
    const part = { link: await swarm.storage().storePart(bad, new AbortController().signal), size: 3, hash: blake3.hash(bad) }
    await heads.publish({ ...head, segments: [part] }, sequence, new AbortController().signal)
    const c = await peer()
    await c.add('from c')
    await clock.advance(15 * MINUTE)
    expect(b.shown()).toEqual(c.shown())
    expect(b.shown()).toHaveLength(2)
    expect(b.reports.map(({ code }) => code)).toEqual(['drive.damaged'])
    expect(b.sync.state()).toMatchObject({ published: true, problem: { code: 'drive.damaged' } })
  })
})

describe('a drive that changes much', () => {
  it('keeps its head small, drops old parts after a month, and is read whole by a device that comes later', async () => {
    const { clock, peer, swarm, random } = world()
    const a = await peer()
    for (let i = 0; i < 150; i++) {
      a.own.drive.edit.addFile(TOP, `file ${String(i)}`, { ...text(''), content: random.bytes(3000) })
      await a.save()
      await clock.advance(3000)
    }
    await clock.advance(MINUTE)
    const { record } = a
    expect(record.log.snapshot).toBeDefined()
    expect(record.log.segments.length).toBeLessThan(16)
    expect(record.dropped.length).toBeGreaterThan(3)
    expect(swarm.parts.size).toBe(record.parts.length + record.dropped.length)
    clock.jump(clock.now() + 31 * DAY)
    await clock.advance(61 * MINUTE)
    expect(swarm.parts.size).toBe(record.parts.length)
    a.crash()
    const b = await peer()
    await clock.advance(MINUTE)
    expect(b.shown()).toEqual(a.shown())
    expect(b.shown()).toHaveLength(150)
  })
})

describe('a device that dies at any point', () => {
  it('publishes everything after that under its index, and leaves no part that nothing names', async () => {
    let died = 0
    for (let at = 1; at <= 30; at++) {
      const { clock, peer, swarm, random } = world(2, at)
      const a = await peer()
      a.faults.crashAfter(at)
      let made = 0
      try {
        for (; made < 8; made++) {
          a.own.drive.edit.addFile(TOP, `file ${String(made)}`, { ...text(''), content: random.bytes(4000) })
          if (made === 5) a.own.drive.edit.trash([a.own.drive.view.children(TOP)[0]!.id])
          await a.save()
          for (let i = 0; i < 30; i++) a.own.drive.edit.addFile(TOP, `file ${String(made)} ${String(i)}`, { ...text(''), content: random.bytes(500) })
          await a.save()
          await clock.advance(5000)
        }
      } catch {
        died++
      }
      a.crash()
      await a.start()
      await clock.advance(6 * MINUTE)
      expect(a.sync.state()).toMatchObject({ published: true, problem: undefined })
      expect(new Set(swarm.published.map(({ index }) => index)).size).toBeLessThan(2)
      expect(swarm.parts.size).toBe(a.record.parts.length + a.record.dropped.length)
      a.crash()
      const b = await peer()
      await clock.advance(MINUTE)
      expect(b.shown()).toEqual(a.shown())
      b.crash()
    }
    expect(died).toBeGreaterThan(20)
  })
})

describe('a change that only removes something', () => {
  it('is published after a crash that came before anybody was told that it is durable', async () => {
    const { clock, peer } = world()
    const a = await peer()
    await a.add('a file')
    a.own.drive.edit.trash([a.own.drive.view.children(TOP)[0]!.id])
    await a.save()
    await clock.advance(MINUTE)
    expect(a.sync.state().published).toBe(true)
    const sequence = a.sync.sequence()
    const vector = a.own.drive.stateVector()
    // The mark, and then the change itself.
    a.faults.crashAfter(2)
    a.own.drive.edit.emptyTrash()
    await expect(a.own.save()).rejects.toMatchObject({ code: 'test.crashed' })
    a.crash()
    await a.start()
    expect(a.shown()).toEqual([])
    expect(a.own.drive.stateVector()).toEqual(vector)
    await clock.advance(MINUTE)
    expect(a.sync.sequence()).toBe(sequence + 1)
    a.crash()
    const b = await peer()
    await clock.advance(MINUTE)
    expect(b.shown()).toEqual([])
  })
})

/** Something that a person may do. */
function edit(one: Peer, random: SeededRandom): void {
  const { edit, view } = one.own.drive
  const all = view.children(TOP)
  const name = `${random.pick(['a', 'b', 'c', 'd'])}${String(random.integer(0, 99))}`
  const what = all.length === 0 ? 0 : random.integer(0, 6)
  const entry = all.length === 0 ? undefined : random.pick(all)
  if (what <= 1 || entry === undefined) edit.addFile(TOP, name, { ...text(''), content: random.bytes(random.integer(1, 4000)) }, { clash: 'keep both' })
  else if (what === 2) edit.createFolder(TOP, `folder ${name} ${String(random.integer(0, 10 ** 9))}`)
  else if (what === 3) edit.trash([entry.id])
  else if (what === 4) edit.emptyTrash()
  else edit.rename(entry.id, `${name} ${String(random.integer(0, 10 ** 9))}`)
}

describe('three devices that change at random while hosts come and go', () => {
  // Each has a clock of its own; side by side they wait for nothing.
  it.concurrent.each(Array.from({ length: 24 }, (_, i) => i + 1))('have the same tree in the end, and so has one that comes then (%i)', async (seed) => {
    const { random, swarm, clock, peer } = world(4, seed)
    const peers = [await peer(), await peer(), await peer()]
    for (let step = 0; step < 15; step++) {
      for (const host of swarm.hosts) host.away = random.unit() < 0.5
      const one = random.pick(peers)
      for (let i = random.integer(1, 4); i > 0; i--) edit(one, random)
      await one.save()
      if (random.unit() < 0.2) {
        one.crash()
        await one.start()
      }
      await clock.advance(random.integer(0, 40_000))
    }
    for (const host of swarm.hosts) host.away = false
    await clock.advance(25 * MINUTE)
    for (const one of peers) expect(one.sync.state()).toMatchObject({ published: true, problem: undefined })
    expect(peers.map((one) => one.shown())).toEqual(Array(3).fill(peers[0]!.shown()))
    expect(new Set(peers.map((one) => one.sync.state().index)).size).toBe(3)
    for (const one of peers) one.crash()
    const late = await peer()
    await clock.advance(MINUTE)
    expect(late.shown()).toEqual(peers[0]!.shown())
    late.crash()
  })
})
