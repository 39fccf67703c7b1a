import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concat, type Bytes } from './bytes.ts'
import { Joined } from './joined.ts'

const stretch = fc.uint8Array({ maxLength: 9 }).map((bytes): Bytes => new Uint8Array(bytes))

test('any part of joined stretches is that of their concatenation', () => {
  fc.assert(
    fc.property(fc.array(stretch, { maxLength: 6 }), fc.nat(60), fc.nat(60), (stretches, from, to) => {
      const joined = new Joined(stretches)
      const whole = concat(stretches)
      expect(joined.length).toBe(whole.length)
      expect(joined.subarray(from, to)).toEqual(whole.subarray(from, to))
    }),
  )
})

test('a part inside of one stretch is not copied', () => {
  const stretches = [new Uint8Array(10), new Uint8Array(10)]
  const joined = new Joined(stretches)
  expect(joined.subarray(12, 20).buffer).toBe(stretches[1]?.buffer)
  expect(joined.subarray(8, 12).buffer).not.toBe(stretches[0]?.buffer)
})
