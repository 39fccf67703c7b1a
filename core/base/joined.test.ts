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

test('copies that fit go into the scratch memory, and are the same bytes', () => {
  fc.assert(
    fc.property(fc.array(stretch, { maxLength: 6 }), fc.nat(60), fc.nat(60), fc.nat(20), (stretches, from, to, room) => {
      const joined = new Joined(stretches, new Uint8Array(room))
      expect(joined.subarray(from, to)).toEqual(concat(stretches).subarray(from, to))
    }),
  )
  const scratch = new Uint8Array(4)
  const joined = new Joined([new Uint8Array(10), new Uint8Array(10)], scratch)
  expect(joined.subarray(8, 12).buffer).toBe(scratch.buffer)
  expect(joined.subarray(7, 12).buffer).not.toBe(scratch.buffer)
})
