import { describe, expect, it } from 'vitest'
import type { Bytes } from '../../base/bytes.ts'
import { faultyMetaStore, Faults } from '../../testkit/faulty.ts'
import { MemoryMetaStore, memoryMetaDisk } from '../../testkit/memory-meta-store.ts'
import { SeededRandom } from '../../testkit/seeded-random.ts'
import { Journal } from '../journal.ts'
import { LocalLog } from './local-log.ts'

const random = new SeededRandom(7)

/** A log over a disk that outlives it. */
async function open(disk = memoryMetaDisk(), faults = new Faults()) {
  const log = new LocalLog(new Journal(faultyMetaStore(new MemoryMetaStore(disk), faults)))
  return { log, disk, faults, updates: await log.load() }
}

const keptBy = async (disk: ReturnType<typeof memoryMetaDisk>): Promise<Bytes[]> => (await open(disk)).updates

describe('the drive as a device keeps it', () => {
  it('is empty at first, and then every update that was appended, in order and whole, however long', async () => {
    const { log, disk, updates } = await open()
    expect(updates).toEqual([])
    const appended = [3, 2 ** 19, 0, 2 ** 19 + 1, 1_300_000].map((length) => random.bytes(length))
    for (const update of appended) await log.append(update)
    expect(await keptBy(disk)).toEqual(appended)
  })

  it('goes on after a restart where it was', async () => {
    const { log, disk } = await open()
    await log.append(random.bytes(600_000))
    const again = await open(disk)
    const more = random.bytes(5)
    await again.log.append(more)
    expect(await keptBy(disk)).toEqual([...again.updates, more])
  })

  it('holds one update after merging, and nothing of what was before', async () => {
    const { log, disk } = await open()
    for (let i = 0; i < 5; i++) await log.append(random.bytes(700_000))
    const whole = random.bytes(1_000_000)
    await log.replace(whole)
    expect(await keptBy(disk)).toEqual([whole])
    expect(disk.entries.size).toBe(2)
    const after = random.bytes(9)
    await log.append(after)
    expect(await keptBy(disk)).toEqual([whole, after])
  })

  it('is worth merging after many updates, or when they are large beside the first', async () => {
    const { log } = await open()
    await log.append(random.bytes(8 * 2 ** 20))
    for (let i = 0; i < 500; i++) await log.append(random.bytes(10))
    expect(log.isLong).toBe(false)
    await log.append(random.bytes(10))
    expect(log.isLong).toBe(true)
    await log.replace(random.bytes(8 * 2 ** 20))
    expect(log.isLong).toBe(false)
    await log.append(random.bytes(2 * 2 ** 20))
    expect(log.isLong).toBe(false)
    await log.append(random.bytes(2))
    expect(log.isLong).toBe(true)
  })

  it('has all that was durable, whenever it dies, and never a part of an update', async () => {
    for (let at = 1; at <= 8; at++) {
      const { log, disk, faults } = await open()
      const done: Bytes[] = []
      faults.crashAfter(at)
      try {
        for (let i = 0; i < 4; i++) {
          const update = random.bytes(i === 2 ? 1_200_000 : 4)
          done.push(update)
          await log.append(update)
        }
        const whole = random.bytes(600_000)
        done.push(whole)
        await log.replace(whole)
        await log.append(random.bytes(4))
      } catch {
        // It died.
      }
      const kept = await keptBy(disk)
      const merged = done.length === 5 ? done.slice(4) : done
      expect(kept.slice(0, merged.length)).toEqual(merged)
    }
  })

  it('loses nothing when a write fails, and deletes later what could not be deleted then', async () => {
    const { log, disk, faults } = await open()
    const first = random.bytes(4)
    await log.append(first)
    faults.fail(1)
    await expect(log.append(random.bytes(4))).rejects.toMatchObject({ code: 'test.fault' })
    const second = random.bytes(4)
    await log.append(second)
    faults.fail(1)
    await expect(log.replace(random.bytes(8))).rejects.toMatchObject({ code: 'test.fault' })
    const third = random.bytes(4)
    await log.append(third)
    expect(await keptBy(disk)).toEqual([first, second, third])
    const whole = random.bytes(8)
    await log.replace(whole)
    expect(await keptBy(disk)).toEqual([whole])
    expect(disk.entries.size).toBe(1)
  })
})
