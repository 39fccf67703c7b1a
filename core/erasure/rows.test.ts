import { expect, test } from 'vitest'
import { shardSize } from './rows.ts'

const shape = expect.objectContaining({ kind: 'invalid', code: 'erasure.shape' }) as Error

test('a shard is a k-th of the chunk, rounded up to 64 bytes', () => {
  expect(shardSize(1, 10)).toBe(64)
  expect(shardSize(640, 10)).toBe(64)
  expect(shardSize(641, 10)).toBe(128)
  expect(shardSize(4 * 2 ** 20, 10)).toBe(419_456)
  for (const [length, k] of [[0, 10], [-1, 10], [1.5, 10], [10, 0], [10, 33], [NaN, 1], [10, NaN]] as const) {
    expect(() => shardSize(length, k)).toThrow(shape)
  }
})
