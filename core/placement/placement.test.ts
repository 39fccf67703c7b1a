import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { noteOutcome, trust, type ConductDay, type Outcome } from './conduct.ts'
import { fetchOrder, type HostView } from './order.ts'
import { placeGroup, replaceHost, type Candidate } from './place.ts'
import { survives, type Spread } from './survives.ts'

const candidates = (max: number): fc.Arbitrary<Candidate[]> =>
  fc
    .uniqueArray(fc.record({ key: fc.integer({ min: 0, max: 40 }).map((i) => `h${String(i)}`), room: fc.nat(5), trust: fc.double({ min: 0, max: 1, noNaN: true }) }), {
      selector: ({ key }) => key,
      maxLength: max,
    })

const loads = (list: readonly string[]): number[] => {
  const held = new Map<string, number>()
  for (const key of list) held.set(key, (held.get(key) ?? 0) + 1)
  return [...held.values()]
}

/** Whether every chunk can be restored after each possible departure of `count` hosts: tries them all. */
function survivesAll(spreads: readonly Spread[], count: number): boolean {
  const hosts = [...new Set(spreads.flatMap(({ rows }) => rows.filter((host) => host !== undefined)))]
  for (let mask = 0; mask < 1 << hosts.length; mask++) {
    const gone = new Set(hosts.filter((_, i) => (mask & (1 << i)) !== 0))
    if (gone.size !== count) continue
    if (spreads.some(({ k, rows }) => rows.filter((host) => host !== undefined && !gone.has(host)).length < k)) return false
  }
  return true
}

describe('placeGroup', () => {
  it('gives every slot a host with room, and spreads rows evenly', () => {
    fc.assert(
      fc.property(candidates(20), fc.integer({ min: 1, max: 64 }), (hosts, n) => {
        const list = placeGroup(hosts, n)
        const usable = hosts.filter(({ room }) => room > 0)
        expect(list).toHaveLength(usable.length === 0 ? 0 : n)
        for (const key of list) expect(usable.some((host) => host.key === key)).toBe(true)
        const rows = loads(list)
        expect(rows).toHaveLength(Math.min(usable.length, n))
        if (rows.length > 0) expect(Math.max(...rows) - Math.min(...rows)).toBeLessThanOrEqual(1)
      }),
    )
  })

  it('prefers good conduct, then room', () => {
    const hosts = [
      { key: 'bad', room: 900, trust: 0.1 },
      { key: 'small', room: 10, trust: 0.9 },
      { key: 'large', room: 100, trust: 0.9 },
    ]
    expect(placeGroup(hosts, 2)).toEqual(['large', 'small'])
  })
})

describe('replaceHost', () => {
  it('keeps all other slots, and gives the freed ones to usable hosts only', () => {
    fc.assert(
      fc.property(candidates(6), candidates(4), fc.integer({ min: 1, max: 8 }), (first, later, n) => {
        const list = placeGroup(first, n)
        const failed = list[0]
        if (failed === undefined) return
        const next = replaceHost(list, failed, later)
        const usable = later.filter(({ key, room }) => key !== failed && room > 0)
        if (usable.length === 0) {
          expect(next).toBeUndefined()
          return
        }
        expect(next).toBeDefined()
        list.forEach((key, slot) => {
          if (key === failed) expect(usable.some((host) => host.key === next?.[slot])).toBe(true)
          else expect(next?.[slot]).toBe(key)
        })
      }),
    )
  })

  it('gives each new host one slot before it doubles up', () => {
    const fresh = ['x', 'y'].map((key) => ({ key, room: 1, trust: 1 }))
    const known = [{ key: 'b', room: 1, trust: 1 }]
    expect(replaceHost(['a', 'b', 'a', 'b', 'a'], 'a', [...known, ...fresh])).toEqual(['x', 'b', 'y', 'b', 'x'])
  })
})

describe('survives', () => {
  const spread = fc.record({
    k: fc.integer({ min: 1, max: 4 }),
    rows: fc.array(fc.option(fc.integer({ min: 0, max: 5 }).map(String), { nil: undefined }), { minLength: 1, maxLength: 8 }),
  })

  it('is the most departures that all choices of hosts survive, as trying them all shows', () => {
    fc.assert(
      fc.property(fc.array(spread, { minLength: 1, maxLength: 4 }), (spreads) => {
        const hosts = new Set(spreads.flatMap(({ rows }) => rows.filter((host) => host !== undefined))).size
        const found = survives(spreads)
        if (found >= 0) expect(survivesAll(spreads, found)).toBe(true)
        if (found + 1 <= hosts) expect(survivesAll(spreads, found + 1)).toBe(false)
      }),
    )
  })

  it('is 6 of 16 for ten of sixteen, 1 of 3, and none of 1', () => {
    const even = (hosts: number): Spread => ({ k: 10, rows: Array.from({ length: 16 }, (_, i) => String(i % hosts)) })
    expect([16, 3, 2, 1].map((hosts) => survives([even(hosts)]))).toEqual([6, 1, 0, 0])
    expect(survives([{ k: 10, rows: Array.from({ length: 16 }, (_, i) => (i < 7 ? undefined : String(i))) }])).toBe(-1)
  })
})

describe('conduct', () => {
  const now = 20_000 * 86_400_000 + 5

  it('counts an incident once a day: a thousand damaged shards weigh as one', () => {
    let once = noteOutcome([], 'ok', now)
    let often = once
    once = noteOutcome(once, 'corrupt', now)
    for (let i = 0; i < 1000; i++) often = noteOutcome(often, 'corrupt', now)
    expect(trust(often, now)).toBe(trust(once, now))
    expect(trust(once, now)).toBeLessThan(0.5)
  })

  it('forgets what is older than 30 days, and orders corrupt < absent < stalled < unknown < proven', () => {
    const after = (outcome: Outcome): ConductDay[] => noteOutcome([], outcome, now)
    const values = (['corrupt', 'absent', 'stalled'] as const).map((outcome) => trust(after(outcome), now))
    expect([...values, trust([], now), trust(after('ok'), now)]).toEqual([...values, trust([], now), trust(after('ok'), now)].sort((a, b) => a - b))
    expect(trust(after('corrupt'), now + 31 * 86_400_000)).toBe(trust([], now))
    expect(noteOutcome(after('corrupt'), 'ok', now + 31 * 86_400_000)).toHaveLength(1)
  })
})

describe('fetchOrder', () => {
  it('asks connected hosts first, fast ones before slow, and data rows before parity', () => {
    const views: Record<string, HostView> = {
      away: { connected: false, speed: 1e9, trust: 1 },
      slow: { connected: true, speed: 1e4, trust: 1 },
      fast: { connected: true, speed: 1e7, trust: 1 },
      liar: { connected: true, speed: 1e7, trust: 0.1 },
    }
    const sources = [
      { row: 0, host: 'away' },
      { row: 1, host: 'slow' },
      { row: 2, host: 'liar' },
      { row: 5, host: 'fast' },
      { row: 3, host: 'fast' },
    ]
    const order = fetchOrder(sources, 4, (host) => views[host] ?? { connected: false, speed: undefined, trust: 0 })
    expect(order.map(({ row }) => row)).toEqual([3, 5, 2, 1, 0])
  })
})
