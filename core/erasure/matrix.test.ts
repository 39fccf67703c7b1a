import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Galois } from './galois.ts'
import { generatorRow, invert } from './matrix.ts'
import { slowInverse, slowTimes } from './reference.ts'

const field = new Galois()

describe('the field', () => {
  test('all products and inverses are those of the definition', () => {
    for (let a = 0; a < 256; a++) {
      for (let b = 0; b < 256; b++) if (field.times(a, b) !== slowTimes(a, b)) expect.fail(`${String(a)} times ${String(b)}`)
      if (a > 0) expect(field.inverse(a)).toBe(slowInverse(a))
    }
  })
})

/** Whether `rows` times `inverse` is the identity. */
function areInverse(rows: readonly Uint8Array[], inverse: readonly Uint8Array[]): boolean {
  return rows.every((row, i) =>
    row.every((_, j) => row.reduce((sum, factor, m) => sum ^ field.times(factor, inverse[m]?.[j] ?? 0), 0) === Number(i === j)),
  )
}

describe('the generator matrix', () => {
  test('each k x k submatrix inverts, for any k of 64 rows', () => {
    const choices = fc
      .integer({ min: 1, max: 32 })
      .chain((k) => fc.shuffledSubarray([...Array(64).keys()], { minLength: k, maxLength: k }))
    fc.assert(
      fc.property(choices, (chosen) => {
        const rows = chosen.map((r) => generatorRow(field, r, chosen.length))
        expect(areInverse(rows, invert(field, rows))).toBe(true)
      }),
      { numRuns: 200 },
    )
  })

  test('each pair and each three of the 64 rows invert', () => {
    for (let a = 0; a < 64; a++) {
      for (let b = 0; b < a; b++) {
        const pair = [a, b].map((r) => generatorRow(field, r, 2))
        if (!areInverse(pair, invert(field, pair))) expect.fail(`rows ${String(a)}, ${String(b)}`)
        for (let c = 0; c < b; c++) {
          const three = [a, b, c].map((r) => generatorRow(field, r, 3))
          if (!areInverse(three, invert(field, three))) expect.fail(`rows ${String(a)}, ${String(b)}, ${String(c)}`)
        }
      }
    }
  })

  test('no element of the parity rows is zero', () => {
    for (let k = 1; k <= 32; k++) for (let r = k; r < 64; r++) expect(generatorRow(field, r, k)).not.toContain(0)
  })

  test('a matrix with no inverse is a bug', () => {
    const twice = [Uint8Array.of(1, 2), Uint8Array.of(1, 2)]
    expect(() => invert(field, twice)).toThrow(expect.objectContaining({ kind: 'bug', code: 'erasure.singular' }))
  })
})
