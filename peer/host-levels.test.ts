import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SeededRandom } from '../core/testkit/seeded-random.ts'
import { BUCKET_FULL, MAX_LEVEL } from './host-buckets.ts'
import { announcedLevels, depthBelow, hostLevel, LevelSearch, MAX_READS, rankOf, SearchPlan, serversAround, startLevel } from './host-levels.ts'

/** The ranks of `count` hosts at random, none of them under `least`. */
function ranks(count: number, least = 0, random = new SeededRandom(count)): number[] {
  return Array.from({ length: count }, () => Math.min(MAX_LEVEL, least + rankOf(random.bytes(2))))
}

describe('the levels of hosts', () => {
  it('half of all hosts have rank 0, a quarter rank 1, an eighth rank 2', () => {
    const random = new SeededRandom(5)
    const counts = new Array<number>(MAX_LEVEL + 1).fill(0)
    for (let i = 0; i < 65_536; i++) counts[rankOf(Uint8Array.of(255, i >> 8, i & 255))]!++
    expect(counts.slice(0, 4)).toEqual([32_768, 16_384, 8192, 4096])
    expect(rankOf(random.bytes(32))).toBeLessThanOrEqual(MAX_LEVEL)
  })

  it('a host announces at its leaf and as many levels above as its rank, never above the bucket of all', () => {
    expect(announcedLevels(5, 0)).toEqual([5])
    expect(announcedLevels(5, 2)).toEqual([5, 4, 3])
    expect(announcedLevels(1, 9)).toEqual([1, 0])
    expect(announcedLevels(0, 9)).toEqual([0])
  })

  it('the ranks in a bucket tell how far below the leaves are, with a liar in ten', () => {
    for (const depth of [0, 1, 4, 9]) {
      expect(depthBelow(ranks(48, depth))).toBe(depth)
      expect(depthBelow([...ranks(48, depth), 0, 0, 0, 0, 0])).toBe(depth)
    }
    expect(depthBelow([7, 8])).toBe(0)
  })

  it('a host stays where its leaf is neither full nor empty, and a few hosts are all in one bucket', () => {
    for (let others = 0; others < BUCKET_FULL - 1; others++) expect(hostLevel(0, new Array<number>(others).fill(0))).toBe(0)
    for (let others = 23; others < BUCKET_FULL - 1; others++) expect(hostLevel(7, new Array<number>(others).fill(0))).toBe(7)
    expect(hostLevel(7, ranks(64))).toBe(8)
    expect(hostLevel(7, ranks(10))).toBe(5)
    expect(hostLevel(2, ranks(48, 4))).toBe(6)
    expect(hostLevel(MAX_LEVEL, ranks(128))).toBe(MAX_LEVEL)
  })

  it('a host that finds its bucket full goes down although nobody is there yet, and not back up', () => {
    const search = new LevelSearch(0)
    const read: number[] = []
    do read.push(search.level)
    while (search.saw(search.level === 0 ? ranks(128) : []))
    expect(read[0]).toBe(0)
    expect(search.level).toBeGreaterThan(0)
  })

  it('a host settles after a few look-ups, whatever it sees', () => {
    const look = fc.record({ count: fc.integer({ min: 0, max: 256 }), least: fc.integer({ min: 0, max: MAX_LEVEL }) })
    fc.assert(
      fc.property(fc.integer({ min: 0, max: MAX_LEVEL }), fc.infiniteStream(look), (start, looks) => {
        const search = new LevelSearch(start)
        let reads = 1
        for (const { count, least } of looks) {
          if (!search.saw(ranks(count, least))) break
          reads++
        }
        expect(reads).toBeLessThanOrEqual(5)
        expect(search.level).toBeGreaterThanOrEqual(0)
        expect(search.level).toBeLessThanOrEqual(MAX_LEVEL)
      }),
      { numRuns: 50 },
    )
  })

  it('counts DHT servers from the closest of them, within a factor of two', () => {
    const random = new SeededRandom(8)
    for (const servers of [3, 19, 60, 500, 5000]) {
      const target = random.bytes(32)
      const names = Array.from({ length: servers }, () => random.bytes(32))
      const near = (name: Uint8Array) => Buffer.from(name.map((byte, i) => byte ^ target[i]!)).toString('hex')
      const closest = names.sort((a, b) => (near(a) < near(b) ? -1 : 1)).slice(0, 20)
      const counted = serversAround(target, closest, 20)
      expect(counted).toBeGreaterThan(servers / 2)
      expect(counted).toBeLessThan(servers * 2)
    }
  })

  it('where there are few servers everybody begins at the bucket of all, where there are many nobody does', () => {
    for (const servers of [1, 2, 15]) expect(startLevel(servers)).toBe(0)
    expect(startLevel(49)).toBe(3)
    expect(startLevel(1_000_000)).toBe(6)
  })
})

describe('the plan of a search', () => {
  /** Reads by the plan from a tree whose buckets hold what `at` says; resolves to the levels read. */
  function levels(plan: SearchPlan, at: (level: number) => number[]): number[] {
    const read: number[] = []
    for (let places = plan.next(); places.length > 0; places = plan.next()) {
      for (const { level } of places) read.push(level)
      plan.saw(places[0]!.level, places.length, places.flatMap(({ level }) => at(level)))
    }
    return read
  }

  it('a bucket of all that is not full is all there is to read', () => {
    expect(levels(new SearchPlan(0, new SeededRandom(1)), () => ranks(40))).toEqual([0])
    expect(levels(new SearchPlan(0, new SeededRandom(1)), () => [])).toEqual([0])
  })

  it('where leaves are far below, the first look-up says so, and nobody reads the buckets between', () => {
    const read = levels(new SearchPlan(0, new SeededRandom(1)), (level) => ranks(48, 9 - level))
    expect(read[0]).toBe(0)
    expect(read.slice(1).every((level) => level === 8)).toBe(true)
    expect(read).toHaveLength(MAX_READS)
  })

  it('where nobody is, it goes up in growing steps until hosts are found, or to the bucket of all', () => {
    expect(levels(new SearchPlan(MAX_LEVEL, new SeededRandom(1)), () => [])).toEqual([11, 10, 8, 4, 0])
    const found = levels(new SearchPlan(7, new SeededRandom(1)), (level) => (level > 4 ? [] : ranks(48, 4 - level)))
    expect(found.slice(0, 3)).toEqual([6, 5, 3])
  })

  it('no bucket is read twice, and where hosts fill two leaves both are read', () => {
    const plan = new SearchPlan(0, new SeededRandom(1))
    const read = new Set<string>()
    let reads = 0
    for (let places = plan.next(); places.length > 0; places = plan.next()) {
      for (const { level, index } of places) read.add(`${level}/${index}`)
      reads += places.length
      plan.saw(places[0]!.level, places.length, places.flatMap(({ level }) => ranks(48, 1 - level)))
    }
    expect([...read].sort()).toEqual(['0/0', '1/0', '1/1'])
    expect(reads).toBe(3)
  })
})
