import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, equal, fromBase64Url, fromHex, fromUtf8, own, toBase64Url, toHex, utf8 } from './bytes.ts'

const anyBytes = fc.uint8Array({ maxLength: 100 }).map((bytes) => new Uint8Array(bytes))

describe('hexadecimal', () => {
  it('agrees with Node and leads back', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        expect(toHex(bytes)).toBe(Buffer.from(bytes).toString('hex'))
        expect(fromHex(toHex(bytes))).toEqual(bytes)
      }),
    )
  })

  it('is refused in upper case, of odd length, or with other characters', () => {
    for (const text of ['A0', 'a', 'abc', 'g0', '0x', ' 0', '0\n']) {
      expect(() => fromHex(text)).toThrow(expect.objectContaining({ kind: 'invalid', code: 'hex.malformed' }))
    }
  })
})

describe('base64url', () => {
  it('agrees with Node and leads back', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        expect(toBase64Url(bytes)).toBe(Buffer.from(bytes).toString('base64url'))
        expect(fromBase64Url(toBase64Url(bytes))).toEqual(bytes)
      }),
    )
  })

  it('has one text for each value: all else is refused', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'A Q g w _ - + / = B Z a 0 9'.split(' '), ' '), maxLength: 12 }), (text) => {
        let bytes: Uint8Array
        try {
          bytes = fromBase64Url(text)
        } catch (error) {
          expect(error).toMatchObject({ kind: 'invalid', code: 'base64.malformed' })
          return
        }
        expect(Buffer.from(bytes).toString('base64url')).toBe(text)
      }),
      { numRuns: 500 },
    )
    for (const text of ['A', 'AB', 'AA=', 'AA==', 'A+', 'A/', 'AAB', 'A\n']) {
      expect(() => fromBase64Url(text)).toThrow(expect.objectContaining({ code: 'base64.malformed' }))
    }
  })
})

describe('text', () => {
  it('leads back from UTF-8, a byte order mark included', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 50 }), (text) => {
        expect(fromUtf8(utf8(text))).toBe(text)
      }),
    )
    expect(fromUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))).toBe('\ufeffa')
  })

  it('is refused when it is not well-formed', () => {
    for (const hex of ['ff', 'c080', 'eda080', 'f0808080', 'e28', '80'].filter((one) => one.length % 2 === 0)) {
      expect(() => fromUtf8(fromHex(hex))).toThrow(expect.objectContaining({ kind: 'invalid', code: 'text.malformed' }))
    }
  })
})

describe('arrays', () => {
  it('are joined in order', () => {
    fc.assert(
      fc.property(fc.array(anyBytes, { maxLength: 5 }), (parts) => {
        expect(Buffer.compare(concat(parts), Buffer.concat(parts))).toBe(0)
      }),
    )
  })

  it('are equal when length and all bytes are', () => {
    fc.assert(
      fc.property(anyBytes, anyBytes, (a, b) => {
        expect(equal(a, b)).toBe(Buffer.compare(a, b) === 0)
        expect(equal(a, new Uint8Array(a))).toBe(true)
      }),
    )
    expect(equal(Uint8Array.of(1), Uint8Array.of(1, 0))).toBe(false)
  })

  it('are copied into a buffer of their own only when they are a view of a larger or shared one', () => {
    const whole = Uint8Array.of(1, 2, 3)
    expect(own(whole)).toBe(whole)
    for (const view of [whole.subarray(1), whole.subarray(0, 2), new Uint8Array(new SharedArrayBuffer(2))]) {
      const copy = own(view)
      expect(copy).toEqual(new Uint8Array(view))
      expect(copy.buffer.byteLength).toBe(view.length)
      expect(copy.buffer).toBeInstanceOf(ArrayBuffer)
    }
  })
})
