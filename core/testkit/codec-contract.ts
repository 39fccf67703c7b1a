import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isAppError } from '../base/errors.ts'
import { equal, type Bytes } from '../base/bytes.ts'
import { decode, encode, type Codec } from '../formats/codec.ts'

/** A format as two functions; `decode` throws `AppError` `invalid` or `corrupt` on anything but its own encodings. */
export interface Format<T> {
  encode(value: T): Bytes
  decode(bytes: Uint8Array): T
}

export function formatOf<T>(codec: Codec<T>): Format<T> {
  return { encode: (value) => encode(codec, value), decode: (bytes) => decode(codec, bytes) }
}

/** Bytes that are random, of `length`. */
export function arbitraryBytes(length: number): fc.Arbitrary<Bytes> {
  return fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => new Uint8Array(bytes))
}

/** Enough for each field to be hit; more flips of long encodings only repeat themselves. */
const RUNS = 30
const FLIPS = 200

/** What docs/formats/codec.md asks of every format: one encoding per value, all else refused with a typed error. */
export function codecContract<T>(name: string, format: Format<T>, values: fc.Arbitrary<T>): void {
  describe(`${name} keeps the codec contract`, () => {
    it('decodes what it encoded, and encodes that to the same bytes', () => {
      fc.assert(
        fc.property(values, (value) => {
          const bytes = format.encode(value)
          const decoded = format.decode(bytes)
          expect(decoded).toEqual(value)
          expect(equal(format.encode(decoded), bytes)).toBe(true)
        }),
        { numRuns: 100 },
      )
    })

    it('refuses every truncation and any byte after the end', () => {
      fc.assert(
        fc.property(values, fc.nat(255), (value, extra) => {
          const bytes = format.encode(value)
          const step = Math.max(1, Math.floor(bytes.length / FLIPS))
          for (let end = 0; end < bytes.length; end += step) expectRefused(format, bytes.subarray(0, end))
          expectRefused(format, Uint8Array.from([...bytes, extra]))
        }),
        { numRuns: RUNS },
      )
    })

    it('reads a flipped bit as another value with exactly those bytes, or refuses it', () => {
      fc.assert(
        fc.property(values, fc.nat(7), (value, bit) => {
          const bytes = format.encode(value)
          const step = Math.max(1, Math.floor(bytes.length / FLIPS))
          for (let at = 0; at < bytes.length; at += step) {
            const flipped = new Uint8Array(bytes)
            flipped[at] = (flipped[at] ?? 0) ^ (1 << bit)
            expectCanonical(format, flipped)
          }
        }),
        { numRuns: RUNS },
      )
    })

    it('reads random bytes as a value with exactly those bytes, or refuses them', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (random, plausible) => {
          const bytes = new Uint8Array(random)
          if (plausible && bytes.length > 0) bytes[0] = 1
          expectCanonical(format, bytes)
        }),
        { numRuns: 300 },
      )
    })
  })
}

function expectRefused<T>(format: Format<T>, bytes: Uint8Array): void {
  expect(refusal(format, bytes)).toBeDefined()
}

function expectCanonical<T>(format: Format<T>, bytes: Uint8Array): void {
  if (refusal(format, bytes) !== undefined) return
  expect(equal(format.encode(format.decode(bytes)), bytes)).toBe(true)
}

/** The code of the refusal; rethrows what is not a typed refusal. */
function refusal<T>(format: Format<T>, bytes: Uint8Array): string | undefined {
  try {
    format.decode(bytes)
    return undefined
  } catch (error) {
    const typed = (isAppError(error, 'invalid') || isAppError(error, 'corrupt')) && /^[a-z0-9]+\.[a-z]+$/.test(error.code)
    if (!typed) throw error
    return error.code
  }
}
