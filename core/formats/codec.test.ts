import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isAppError } from '../base/errors.ts'
import { arbitraryBytes, codecContract, formatOf } from '../testkit/codec-contract.ts'
import { fromHex } from '../base/bytes.ts'
import {
  bool,
  byte,
  bytes,
  decode,
  embedded,
  encode,
  fixed,
  list,
  oneOf,
  optional,
  refined,
  struct,
  text,
  uint,
  versioned,
  type Codec,
} from './codec.ts'

function codeOf(codec: Codec<unknown>, hex: string): string {
  try {
    decode(codec, fromHex(hex))
    return 'accepted'
  } catch (error) {
    return isAppError(error, 'invalid') ? error.code : String(error)
  }
}

const number = fc.oneof(fc.nat(300), fc.maxSafeNat())

codecContract('uint', formatOf(uint()), number)
codecContract('byte', formatOf(byte(40)), fc.nat(40))
codecContract('bytes', formatOf(bytes(300, 2)), fc.integer({ min: 2, max: 300 }).chain(arbitraryBytes))
codecContract('text', formatOf(text(4_000)), fc.string({ unit: 'binary', maxLength: 400 }))
codecContract('oneOf', formatOf(oneOf(['a', 'b', 'c'])), fc.constantFrom('a' as const, 'b' as const, 'c' as const))
codecContract(
  'a structure of everything',
  formatOf(
    versioned(
      1,
      struct<{ id: Uint8Array<ArrayBuffer>; on: boolean; all: number[]; maybe: string | undefined; inner: { x: number } }>({
        id: fixed(3),
        on: bool,
        all: list(uint(), 20),
        maybe: optional(text(40)),
        inner: embedded(struct({ x: uint(9) }), 8),
      }),
    ),
  ),
  fc.record({
    id: arbitraryBytes(3),
    on: fc.boolean(),
    all: fc.array(number, { maxLength: 20 }),
    maybe: fc.option(fc.string({ unit: 'binary', maxLength: 10 }), { nil: undefined }),
    inner: fc.record({ x: fc.nat(9) }),
  }),
)

describe('numbers', () => {
  it('are LEB128 as hand calculation has it', () => {
    const known: [number, string][] = [
      [0, '00'],
      [127, '7f'],
      [128, '8001'],
      [300, 'ac02'],
      [2 ** 32, '8080808010'],
      [Number.MAX_SAFE_INTEGER, 'ffffffffffffff0f'],
    ]
    for (const [value, hex] of known) {
      expect(encode(uint(), value)).toEqual(fromHex(hex))
      expect(decode(uint(), fromHex(hex))).toBe(value)
    }
  })

  it('are refused when longer than needed, over 2^53 - 1, over their limit, or cut', () => {
    expect(codeOf(uint(), '8000')).toBe('format.varint')
    expect(codeOf(uint(), 'ff00')).toBe('format.varint')
    expect(codeOf(uint(), '80808080808080808000')).toBe('format.varint')
    expect(codeOf(uint(), 'ffffffffffffff1f')).toBe('format.range')
    expect(codeOf(uint(), 'ffffffffffffffff7f')).toBe('format.range')
    expect(codeOf(uint(299), 'ac02')).toBe('format.range')
    expect(codeOf(uint(), '')).toBe('format.short')
    expect(codeOf(uint(), '80')).toBe('format.short')
    expect(codeOf(uint(), '0000')).toBe('format.trailing')
  })
})

describe('limits', () => {
  it('are checked before anything is reserved', () => {
    expect(codeOf(bytes(100), 'ffffffff0f')).toBe('format.range')
    expect(codeOf(bytes(2 ** 32), 'ffffffff0f')).toBe('format.short')
    expect(codeOf(list(byte(), 100), 'ffffffff0f')).toBe('format.range')
    expect(codeOf(list(byte(), 2 ** 32), 'ffffffff0f')).toBe('format.short')
  })

  it('have a lower end', () => {
    expect(codeOf(bytes(9, 1), '00')).toBe('format.range')
    expect(codeOf(list(byte(), 9, 2), '0101')).toBe('format.range')
    expect(codeOf(embedded(byte(), 9), '00')).toBe('format.range')
  })

  it('count a text in bytes', () => {
    expect(encode(text(4), '🐟')).toEqual(fromHex('04f09f909f'))
    expect(() => encode(text(3), '🐟')).toThrow(expect.objectContaining({ kind: 'bug' }))
    expect(codeOf(text(3), '04f09f909f')).toBe('format.range')
  })
})

describe('refusals', () => {
  it('name an unknown version, a bad flag, a bad choice and malformed text', () => {
    expect(codeOf(versioned(1, bool), '0201')).toBe('format.version')
    expect(codeOf(versioned(1, bool), '')).toBe('format.short')
    expect(codeOf(bool, '02')).toBe('format.range')
    expect(codeOf(oneOf(['a', 'b']), '02')).toBe('format.range')
    expect(codeOf(text(9), '01ff')).toBe('text.malformed')
    expect(codeOf(text(9), '02c080')).toBe('text.malformed')
    expect(codeOf(text(9), '03eda080')).toBe('text.malformed')
    expect(codeOf(refined(byte(), () => 'no', 'format.mismatch'), '00')).toBe('format.mismatch')
  })

  it('of values that do not fit their own format are bugs', () => {
    const misfits: (() => unknown)[] = [
      () => encode(byte(3), 4),
      () => encode(byte(), 1.5),
      () => encode(uint(), -1),
      () => encode(uint(), 2 ** 53),
      () => encode(uint(), Number.NaN),
      () => encode(fixed(2), new Uint8Array(3)),
      () => encode(bytes(2), new Uint8Array(3)),
      () => encode(bytes(2, 1), new Uint8Array(0)),
      () => encode(list(bool, 1), [true, false]),
      () => encode(text(9), '\ud800'),
      () => encode(oneOf(['a']), 'b' as 'a'),
      () => encode(refined(byte(), () => 'no'), 0),
    ]
    for (const misfit of misfits) expect(misfit).toThrow(expect.objectContaining({ kind: 'bug', code: 'format.unencodable' }))
  })

  it('leave decoded bytes independent of the input', () => {
    const input = fromHex('020102')
    const decoded = decode(bytes(9), input)
    input[1] = 9
    expect(decoded).toEqual(fromHex('0102'))
  })
})
