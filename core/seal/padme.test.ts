import fc from 'fast-check'
import { expect, it } from 'vitest'
import { padme } from './padme.ts'

it('rounds as the table of the paper and hand calculation say', () => {
  // E = floor(log2 L), S = floor(log2 E) + 1, E - S low bits cleared upwards.
  const known: [number, number][] = [
    [0, 0],
    [1, 1],
    [2, 2],
    [7, 7],
    [8, 8],
    [9, 10],
    [15, 16],
    [17, 18],
    [100, 104],
    [1000, 1024],
    [2 ** 20 + 1, 2 ** 20 + 2 ** 15],
    [16 + 2 ** 24, 2 ** 24 + 2 ** 19],
  ]
  for (const [length, padded] of known) expect(padme(length)).toBe(padded)
})

it('never shrinks, adds less than 12 %, keeps the order, and is stable', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 27 }), (length) => {
      const padded = padme(length)
      expect(padded).toBeGreaterThanOrEqual(length)
      expect(padded).toBeLessThan(length * 1.12)
      expect(padded).toBeLessThanOrEqual(padme(length + 1))
      expect(padme(padded)).toBe(padded)
    }),
    { numRuns: 500 },
  )
})

it('leaves log2 log2 L + 1 significant bits at most', () => {
  fc.assert(
    fc.property(fc.integer({ min: 4, max: 2 ** 40 }), (length) => {
      const bits = padme(length).toString(2).replace(/0+$/, '')
      expect(bits.length).toBeLessThanOrEqual(Math.ceil(Math.log2(Math.log2(length))) + 1)
    }),
    { numRuns: 500 },
  )
})
