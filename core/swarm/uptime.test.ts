import { describe, expect, it } from 'vitest'
import type { AppError } from '../base/errors.ts'
import { FakeClock } from '../testkit/fake-clock.ts'
import { Faults, faultyMetaStore } from '../testkit/faulty.ts'
import { MemoryMetaStore, memoryMetaDisk } from '../testkit/memory-meta-store.ts'
import { openUptime } from './uptime.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** A host with a disk and a clock, that can be switched on and off. */
function machine() {
  const clock = new FakeClock()
  const disk = memoryMetaDisk()
  const faults = new Faults()
  const reports: AppError[] = []
  return {
    clock,
    disk,
    faults,
    reports,
    async run(ms: number): Promise<number> {
      const power = new AbortController()
      const store = faultyMetaStore(new MemoryMetaStore(disk), faults)
      const uptime = await openUptime(store, clock, (error) => void reports.push(error), power.signal)
      await clock.advance(ms)
      const result = uptime()
      power.abort()
      await clock.advance(0)
      return result
    },
  }
}

describe('the uptime class of a host', () => {
  it('is full at the first start, and stays so while it runs', async () => {
    const { run } = machine()
    expect(await run(0)).toBe(10)
    expect(await run(40 * HOUR)).toBe(10)
  })

  it('falls with the time that the host was away, and rises again', async () => {
    const { run, clock } = machine()
    await run(5 * HOUR)
    await clock.advance(14 * HOUR)
    expect(await run(0)).toBe(3)
    expect(await run(20 * HOUR)).toBe(6)
  })

  it('looks back thirty days and no further', async () => {
    const { run, clock, disk } = machine()
    await run(0)
    const oneHour = disk.entries.get('uptime')!.length
    await clock.advance(20 * DAY)
    expect(await run(0)).toBe(0)
    await run(10 * DAY)
    await clock.advance(20 * DAY)
    expect(await run(0)).toBe(3)
    await clock.advance(35 * DAY)
    expect(await run(0)).toBe(10)
    expect(disk.entries.get('uptime')).toHaveLength(oneHour)
  })

  it('counts an hour once, however often the host starts in it', async () => {
    const { run, clock, disk } = machine()
    await run(0)
    const once = disk.entries.get('uptime')
    for (let i = 0; i < 5; i++) await run(HOUR / 10)
    expect(disk.entries.get('uptime')).toEqual(once)
    await clock.advance(9 * HOUR)
    expect(await run(0)).toBe(2)
  })

  it('is a class at every hour that the clock may be set to', async () => {
    const clock = new FakeClock()
    const uptime = await openUptime(new MemoryMetaStore(), clock, () => undefined, AbortSignal.abort())
    const start = clock.now()
    const set = await openUptime(new MemoryMetaStore(), clock, () => undefined, new AbortController().signal)
    for (const days of [0, -0.05, -1, -40, 0.05, 1, 40]) {
      clock.jump(start + days * DAY)
      for (const now of [uptime(), set()]) expect([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]).toContain(now)
    }
  })

  it('does not count hours that are still to come after the clock was set back', async () => {
    const { run, clock } = machine()
    await run(30 * HOUR)
    clock.jump(clock.now() - 2 * DAY)
    expect(await run(0)).toBe(10)
    await clock.advance(19 * HOUR)
    expect(await run(0)).toBe(1)
  })

  it('outlives a disk that fails for a while, which is reported', async () => {
    const { run, clock, faults, reports } = machine()
    await run(0)
    faults.fail(2)
    expect(await run(9 * HOUR)).toBe(10)
    expect(reports.map(({ code }) => code)).toEqual(['test.fault'])
    expect(clock.sleeping).toBe(0)
    await clock.advance(9 * HOUR)
    expect(await run(0)).toBe(5)
  })
})
