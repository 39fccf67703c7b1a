import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isAppError } from '../base/errors.ts'
import { TOP } from '../formats/drive.ts'
import { FakeDevice, sync, text } from '../testkit/drive-device.ts'
import { SeededRandom } from '../testkit/seeded-random.ts'
import type { NewContent } from './editor.ts'

const DAY = 86_400_000
const NAMES = ['a', 'A', 'b.txt', 'B.txt', 'c (2)', 'c']

/** Devices that work apart, and how many contents were written: `#0`, `#1` … */
class World {
  readonly random: SeededRandom
  readonly devices: FakeDevice[]
  private written = 0

  constructor(seed: number) {
    this.random = new SeededRandom(seed)
    const first = new FakeDevice(seed * 10 + 1)
    this.devices = [first]
    for (let i = 1; i < this.random.integer(2, 4); i++) this.devices.push(first.another(seed * 10 + 1 + i))
  }

  step(deletes: boolean): void {
    const device = this.random.pick(this.devices)
    const other = this.random.pick(this.devices)
    const kind = this.random.integer(0, deletes ? 13 : 10)
    if (kind === 0 && other !== device) sync(device, other)
    else attempt(() => this.change(device, kind))
  }

  settle(): void {
    // A rescue is a change of its own and has to get around too: one round brings it up, two bring it everywhere.
    for (let round = 0; round < 3; round++) for (const a of this.devices) for (const b of this.devices) if (a !== b) sync(a, b)
  }

  private change(device: FakeDevice, kind: number): void {
    const { edit } = device
    const { pick } = { pick: <T>(items: readonly T[]) => this.random.pick(items) }
    const ids = everything(device)
    const some = (): string => pick(ids)
    const folder = (): string => pick([TOP, ...ids.filter((id) => id.startsWith('d'))])
    const clash = pick(['keep both', 'refuse'] as const)
    if (kind === 1) edit.createFolder(folder(), pick(NAMES), { clash })
    else if (kind === 2) this.write((content) => edit.addFile(folder(), pick(NAMES), content, { clash: 'keep both' }))
    else if (kind === 3) this.write((content) => edit.addVersion(some(), content))
    else if (kind === 4) edit.rename(some(), pick(NAMES), { clash })
    else if (kind === 5 || kind === 6) edit.move([some(), some()], folder(), { clash: 'keep both' })
    else if (kind === 7) edit.trash([some()])
    else if (kind === 8) edit.restore([some()])
    else if (kind === 9) edit.ensureFolder([pick(NAMES), pick(NAMES)])
    else if (kind === 10) edit.move([some()], folder(), { clash: pick(['replace', 'refuse'] as const) })
    else if (kind === 11) device.clock.at += this.random.integer(0, 20) * DAY
    else if (kind === 12) edit.purge()
    else if (kind === 13 && this.random.unit() < 0.3) edit.emptyTrash()
  }

  private write(work: (content: NewContent) => unknown): void {
    work(text(`#${this.written}`))
    // What was refused was not written.
    this.written++
  }

  get contents(): string[] {
    return Array.from({ length: this.written }, (_, i) => `#${i}`)
  }
}

/** What people try may be refused, by a typed reason and by nothing else. */
function attempt(work: () => void): void {
  try {
    work()
  } catch (error) {
    if (!isAppError(error, 'invalid') && !isAppError(error, 'absent')) throw error
  }
}

function everything(device: FakeDevice): string[] {
  const { view } = device.drive
  const found: string[] = []
  const left = [...view.children(TOP), ...view.trash()]
  for (let entry = left.pop(); entry !== undefined; entry = left.pop()) {
    found.push(entry.id)
    if (entry.kind === 'folder') left.push(...view.children(entry.id))
  }
  return found.length === 0 ? ['dAAAAAAAAAAAA'] : found.sort()
}

/** The view of a device that was kept up to date key by key is that of one that reads the whole document afresh. */
function expectAsAfresh(device: FakeDevice): void {
  const fresh = device.again()
  expect(device.shown()).toEqual(fresh.shown())
  expect(device.drive.view.totals()).toEqual(fresh.drive.view.totals())
}

function expectNamesApart(device: FakeDevice): void {
  const paths = device.shown().filter((line) => !line.startsWith('trash ')).map((line) => (line.split(' = ')[0] ?? '').toLowerCase())
  expect(new Set(paths).size).toBe(paths.length)
}

function worlds(runs: number, check: (world: World, steps: number) => void): void {
  fc.assert(
    fc.property(fc.nat(2 ** 30), fc.integer({ min: 5, max: 40 }), (seed, steps) => check(new World(seed), steps)),
    { numRuns: runs },
  )
}

/** What all devices of `world` show alike after `steps` steps and a meeting of all, the first of them as a fresh one would. */
function settled(world: World, steps: number, purging: boolean): { readonly first: FakeDevice; readonly shown: readonly string[] } {
  for (let i = 0; i < steps; i++) world.step(purging)
  world.settle()
  const [first, ...others] = world.devices as [FakeDevice, ...FakeDevice[]]
  const shown = first.shown()
  for (const device of others) expect(device.shown()).toEqual(shown)
  expectNamesApart(first)
  expectAsAfresh(first)
  return { first, shown }
}

describe('devices that work apart and meet now and then', () => {
  it('come to one and the same view, with unlike names, and with every version that was ever written', () => {
    worlds(1000, (world, steps) => {
      const { shown } = settled(world, steps, false)
      const all = shown.join('\n')
      for (const content of world.contents) expect(all).toMatch(new RegExp(`${content}(\\D|$)`))
    })
  })

  it('come to one view also when they purge and empty the trash, and reach every version that the document still holds', () => {
    worlds(1000, (world, steps) => {
      const { first, shown } = settled(world, steps, true)
      const reached = shown.flatMap((line) => line.split(' = ')[1]?.split('|') ?? [])
      const held = [...first.drive.view.contents()].map((bytes) => String.fromCharCode(...bytes))
      expect(reached.sort()).toEqual(held.sort())
    })
  })

  it('lose nothing that one of them had out of the trash, whatever the others emptied meanwhile', () => {
    worlds(300, (world, steps) => {
      const [owner, ...others] = world.devices as [FakeDevice, ...FakeDevice[]]
      for (let i = 0; i < steps; i++) world.step(false)
      world.settle()
      // The owner takes things out of what the others delete for good; what it moves and restores must be there in the end.
      const kept = world.random.pick(everything(owner))
      // (What the others delete by itself is deleted, wherever it was moved meanwhile: that is the trash of rule 3.5.)
      if (!owner.drive.view.has(kept)) return
      const { trashed, parent } = owner.drive.view.entry(kept)
      if (trashed === undefined && parent === TOP) return
      attempt(() => owner.edit.restore([kept]))
      attempt(() => owner.edit.move([kept], owner.edit.createFolder(TOP, 'kept', { clash: 'keep both' })))
      const before = owner.drive.view.has(kept) && kept.startsWith('f') ? owner.contents(kept) : []
      for (const other of others) {
        attempt(() => other.edit.trash(other.drive.view.children(TOP).map((entry) => entry.id)))
        other.edit.emptyTrash()
      }
      world.settle()
      if (before.length === 0) return
      for (const device of world.devices) {
        expect(device.contents(kept)).toEqual(before)
        expect(device.drive.view.entry(kept).trashed).toBeUndefined()
      }
    })
  })
})
