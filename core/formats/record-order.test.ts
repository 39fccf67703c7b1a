import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareRecords, GONE_PATH, isNewer, ranked, type Ranked } from './record-order.ts'
import { formatRecordValue } from './record-value.ts'

const live = '/shoal/object/1/00'
const some = Uint8Array.of(1, 2, 3)

/** Few values of each part, so that equal ones meet. */
const records: fc.Arbitrary<Ranked> = fc
  .record({ value: fc.constantFrom(GONE_PATH, live, '/shoal/locker/1/AA'), sequence: fc.bigInt({ min: 0n, max: 3n }), record: fc.uint8Array({ maxLength: 2, max: 2 }) })
  .map(({ value, sequence, record }) => ranked({ value, sequence }, record))

/** What a node holds that got `arriving` one after another. */
function kept(arriving: readonly Ranked[]): Ranked | undefined {
  let held: Ranked | undefined
  for (const next of arriving) if (isNewer(next, held)) held = next
  return held
}

describe('the order of records', () => {
  it('knows a tombstone by the path that its owner signs', () => {
    expect(formatRecordValue({ kind: 'gone' })).toBe(GONE_PATH)
    expect(ranked({ value: `${GONE_PATH}/`, sequence: 1n }, some).gone).toBe(false)
  })

  it('a tombstone is above every other record, however high its sequence', () => {
    const lower = ranked({ value: GONE_PATH, sequence: 0n }, some)
    const higher = ranked({ value: live, sequence: 2n ** 64n - 1n }, some)
    expect([isNewer(lower, higher), isNewer(higher, lower)]).toEqual([true, false])
  })

  it('then the higher sequence counts, then the bytes, and the same record is not newer than itself', () => {
    const make = (sequence: bigint, ...bytes: number[]) => ranked({ value: live, sequence }, Uint8Array.from(bytes))
    const ascending = [make(1n, 9, 9, 9), make(2n, 9), make(2n, 0, 0), make(2n, 0, 1), make(2n, 1, 0), make(3n)]
    const shuffled = [4, 2, 5, 0, 3, 1].map((i) => ascending[i]!)
    expect(shuffled.sort(compareRecords)).toEqual(ascending)
    expect(isNewer(make(2n, 7), make(2n, 7))).toBe(false)
  })

  it('is a total order', () => {
    fc.assert(
      fc.property(records, records, records, (a, b, c) => {
        expect(Math.sign(compareRecords(a, b))).toBe(-Math.sign(compareRecords(b, a)) + 0)
        if (compareRecords(a, b) >= 0 && compareRecords(b, c) >= 0) expect(compareRecords(a, c)).toBeGreaterThanOrEqual(0)
        if (compareRecords(a, b) === 0) expect(b).toEqual(a)
      }),
    )
  })

  it('nodes that got the same records in any order hold the same one, and a tombstone among them is what they hold', () => {
    const twice = fc.array(records, { minLength: 1, maxLength: 8 }).chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })))
    fc.assert(
      fc.property(twice, ([one, other]) => {
        expect(kept(one)).toEqual(kept(other))
        expect(kept(one)?.gone).toBe(one.some(({ gone }) => gone))
      }),
    )
  })
})
