import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concat } from '../base/bytes.ts'
import { join, shardSize, split } from './rows.ts'

const shape = expect.objectContaining({ kind: 'invalid', code: 'erasure.shape' }) as Error
const chunks = fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 5000 }), fc.integer({ min: 1, max: 32 }))

test('a shard is a k-th of the chunk, rounded up to 64 bytes', () => {
  expect(shardSize(1, 10)).toBe(64)
  expect(shardSize(640, 10)).toBe(64)
  expect(shardSize(641, 10)).toBe(128)
  expect(shardSize(4 * 2 ** 20, 10)).toBe(419_456)
  for (const [length, k] of [[0, 10], [-1, 10], [1.5, 10], [10, 0], [10, 33], [NaN, 1], [10, NaN]] as const) {
    expect(() => shardSize(length, k)).toThrow(shape)
  }
})

test('join is the reverse of split, and the rows are the chunk and zeros', () => {
  fc.assert(
    fc.property(chunks, ([sealed, k]) => {
      const rows = split(sealed, k)
      const filled = concat(rows)
      expect(rows.map((row) => row.length)).toEqual(Array(k).fill(shardSize(sealed.length, k)))
      expect(filled.subarray(0, sealed.length)).toEqual(sealed)
      expect(filled.subarray(sealed.length).every((byte) => byte === 0)).toBe(true)
      expect(join(rows, sealed.length)).toEqual(sealed)
    }),
  )
})

test('any bit set in the fill is noticed', () => {
  fc.assert(
    fc.property(chunks, fc.nat(), fc.nat({ max: 7 }), ([sealed, k], where, bit) => {
      const rows = split(sealed, k)
      const size = shardSize(sealed.length, k)
      const fill = k * size - sealed.length
      if (fill === 0) return
      const at = sealed.length + (where % fill)
      const row = rows[Math.floor(at / size)]
      if (row !== undefined) row[at % size] = 1 << bit
      expect(() => join(rows, sealed.length)).toThrow(expect.objectContaining({ kind: 'corrupt', code: 'chunk.fill' }))
    }),
  )
})

test('rows that a chunk of this length does not have are refused', () => {
  const rows = split(new Uint8Array(1000), 4)
  expect(() => join(rows, 2000)).toThrow(shape)
  expect(() => join(rows.slice(1), 1000)).toThrow(shape)
  expect(() => join([], 1)).toThrow(shape)
  expect(() => join(rows, 0)).toThrow(shape)
})
