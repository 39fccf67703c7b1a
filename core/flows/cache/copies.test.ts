import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AppError } from '../../base/errors.ts'
import { faultyMetaStore, faultyShardStore, Faults } from '../../testkit/faulty.ts'
import { MemoryMetaStore, memoryMetaDisk } from '../../testkit/memory-meta-store.ts'
import { MemoryShardStore, memoryShardDisk } from '../../testkit/memory-shard-store.ts'
import { failureOf } from '../../testkit/storage-world.ts'
import { Copies } from './copies.ts'

const GIB = 2 ** 30

/** Name `n` as the index has it. */
const nameOf = (n: number): string => n.toString(16).padStart(64, '0')
const bytesOf = (n: number, size = n % 50): Uint8Array<ArrayBuffer> => new Uint8Array(size).fill(n)

/** A disk that outlives its `Copies`. */
class Disk {
  readonly shards = memoryShardDisk()
  readonly meta = memoryMetaDisk()
  readonly reports: AppError[] = []
  faults = new Faults()

  open(room: number): Copies {
    this.faults = new Faults()
    return new Copies({
      shards: faultyShardStore(new MemoryShardStore(this.shards), this.faults),
      meta: faultyMetaStore(new MemoryMetaStore(this.meta), this.faults),
      room,
      report: (error) => void this.reports.push(error),
    })
  }

  get names(): number[] {
    return [...this.shards.shards.keys()].map((name) => Number.parseInt(name, 16)).sort((a, b) => a - b)
  }

  damage(n: number): void {
    new MemoryShardStore(this.shards).damage(nameOf(n), () => undefined)
  }
}

/** What the rules of docs/formats/copies.md leave of a run of steps. */
class Model {
  /** From the one used longest ago. */
  readonly copies = new Map<number, { size: number; holders: Set<string> }>()
  room: number

  constructor(room: number) {
    this.room = room
  }

  get cached(): number {
    return [...this.copies.values()].reduce((sum, { size, holders }) => sum + (holders.size > 0 ? 0 : size), 0)
  }

  use(n: number): void {
    const known = this.copies.get(n)
    if (known === undefined) return
    this.copies.delete(n)
    this.copies.set(n, known)
  }

  put(n: number, size: number, holder: string | undefined): void {
    const known = this.copies.get(n)
    if (known === undefined && holder === undefined) {
      if (size > this.room) return
      this.shrink(this.room - size)
    }
    this.copies.set(n, known ?? { size, holders: new Set() })
    if (holder !== undefined) this.copies.get(n)?.holders.add(holder)
    this.use(n)
  }

  release(holder: string): void {
    for (const { holders } of this.copies.values()) holders.delete(holder)
    this.shrink(this.room)
  }

  shrink(target: number): void {
    for (const [n, { holders }] of this.copies) {
      if (this.cached <= target) break
      if (holders.size === 0) this.copies.delete(n)
    }
  }
}

const name = fc.integer({ min: 1, max: 30 })
const holder = fc.constantFrom('aa', 'bb')
const step = fc.oneof(
  fc.record({ kind: fc.constant('put' as const), n: name, holder: fc.option(holder, { nil: undefined, freq: 4 }) }),
  fc.record({ kind: fc.constant('get' as const), n: name }),
  fc.record({ kind: fc.constant('release' as const), holder }),
  fc.record({ kind: fc.constant('room' as const), room: fc.integer({ min: 0, max: 300 }) }),
  fc.record({ kind: fc.constant('restart' as const) }),
)

describe('copies on this device', () => {
  test('are those used last that fit into the room, and all that somebody holds, whatever is done in whichever order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const disk = new Disk()
        const model = new Model(200)
        let copies = disk.open(200)
        for (const one of steps) {
          if (one.kind === 'put') {
            await copies.put(nameOf(one.n), bytesOf(one.n), one.holder === undefined ? {} : { holder: one.holder })
            model.put(one.n, one.n % 50, one.holder)
          } else if (one.kind === 'get') {
            expect(await copies.get(nameOf(one.n))).toEqual(model.copies.has(one.n) ? bytesOf(one.n) : undefined)
            model.use(one.n)
          } else if (one.kind === 'release') {
            await copies.release(one.holder)
            model.release(one.holder)
          } else if (one.kind === 'room') {
            await copies.setRoom(one.room)
            model.room = one.room
            model.shrink(one.room)
          } else {
            await copies.close()
            copies = disk.open(model.room)
          }
          await copies.close()
          expect(disk.names).toEqual([...model.copies.keys()].sort((a, b) => a - b))
          expect(copies.usage.cached).toBe(model.cached)
        }
        expect(disk.reports).toEqual([])
      }),
    )
  })

  test('[C1] are whole or gone after the process died at any step, and what it left is swept', async () => {
    for (let at = 1; at < 40; at++) {
      const disk = new Disk()
      const dying = disk.open(100)
      await dying.put(nameOf(1), bytesOf(1, 40))
      await dying.put(nameOf(2), bytesOf(2, 40), { holder: 'aa' })
      disk.faults.crashAfter(at)
      const work = [() => dying.put(nameOf(3), bytesOf(3, 40)), () => dying.put(nameOf(4), bytesOf(4, 40)), () => dying.release('aa'), () => dying.put(nameOf(5), bytesOf(5, 90), { holder: 'bb' })]
      for (const task of work) await task().catch(() => undefined)
      const copies = disk.open(100)
      await copies.setRoom(100)
      const sizes = new Map([[1, 40], [2, 40], [3, 40], [4, 40], [5, 90]])
      for (const n of disk.names) expect(await copies.get(nameOf(n))).toEqual(bytesOf(n, sizes.get(n)))
      const { cached, held } = copies.usage
      expect(cached + held).toBe(disk.names.reduce((sum, n) => sum + (sizes.get(n) ?? 0), 0))
      expect(cached).toBeLessThanOrEqual(100)
      expect(disk.names.length).toBe([...disk.meta.entries.keys()].filter((key) => key.startsWith('copy/')).length)
    }
  })

  test('a copy whose file is lost is none, and comes back when it is put again', async () => {
    const disk = new Disk()
    const copies = disk.open(100)
    await copies.put(nameOf(1), bytesOf(1, 40))
    disk.damage(1)
    expect(await copies.get(nameOf(1))).toBeUndefined()
    expect(copies.usage).toEqual({ cached: 0, held: 0 })
    await copies.put(nameOf(1), bytesOf(1, 40))
    expect(await copies.get(nameOf(1))).toEqual(bytesOf(1, 40))
  })

  test('[C3] a damaged copy that is held stays held, and nothing counts as kept before it is looked at', async () => {
    const disk = new Disk()
    const copies = disk.open(0)
    let told = 0
    copies.onDamage(() => told++)
    await copies.put(nameOf(1), bytesOf(1, 40), { holder: 'aa' })
    await copies.put(nameOf(1), bytesOf(1, 40), { holder: 'bb' })
    await copies.complete('aa', 40)
    expect((await copies.holders()).whole).toEqual(new Set(['aa']))
    await copies.drop(nameOf(1))
    expect(told).toBe(1)
    expect(await copies.holders()).toEqual({ whole: new Set(), any: new Set(['aa', 'bb']) })
    await copies.put(nameOf(1), bytesOf(1, 40), { holder: 'aa' })
    await copies.release('aa')
    expect(await copies.get(nameOf(1))).toEqual(bytesOf(1, 40))
    await copies.release('bb')
    expect(await copies.get(nameOf(1))).toBeUndefined()
  })

  test('[C2] leave a GiB of what the browser grants, and what is held takes the place of what is not', async () => {
    const disk = new Disk()
    disk.shards.quota = GIB + 100
    const copies = disk.open(1000)
    await copies.put(nameOf(1), bytesOf(1, 60))
    await copies.put(nameOf(2), bytesOf(2, 60))
    expect(disk.names).toEqual([2])
    disk.shards.quota = GIB / 4 + 100
    await copies.close()
    const tight = disk.open(1000)
    await tight.put(nameOf(3), bytesOf(3, 60), { holder: 'aa' })
    expect(disk.names).toEqual([3])
    expect(await failureOf(tight.put(nameOf(4), bytesOf(4, 60), { holder: 'aa' }))).toMatchObject({ kind: 'quota', code: 'copies.full' })
    expect(disk.names).toEqual([3])
  })

  test('a disk that is full, or fails, costs the reader nothing', async () => {
    const disk = new Disk()
    const copies = disk.open(1000)
    await copies.put(nameOf(1), bytesOf(1, 60))
    disk.faults.fail(1, new AppError('transient', 'shard.io', 'the disk hiccuped'))
    expect(await copies.get(nameOf(1))).toBeUndefined()
    expect(await copies.get(nameOf(1))).toEqual(bytesOf(1, 60))
    expect(disk.reports.map(({ code }) => code)).toEqual(['shard.io'])
  })

  test('an index that cannot be read is told once for all that is asked of it', async () => {
    const disk = new Disk()
    disk.meta.entries.set(`copy/${nameOf(1)}`, new Uint8Array([9]))
    const copies = disk.open(1000)
    expect((await failureOf(copies.put(nameOf(2), bytesOf(2, 10)))).code).toBe('format.version')
    expect(await copies.get(nameOf(2))).toBeUndefined()
  })

  test('pins outlive a restart', async () => {
    const disk = new Disk()
    await disk.open(0).setPins(['fa', 'fb'], true)
    await disk.open(0).setPins(['fa'], false)
    expect(await disk.open(0).pins()).toEqual(new Set(['fb']))
  })
})
