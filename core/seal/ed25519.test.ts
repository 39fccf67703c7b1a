import { createPublicKey, verify as nodeVerify } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, fromHex } from '../base/bytes.ts'
import { arbitraryBytes } from '../testkit/codec-contract.ts'
import { readVectors } from '../testkit/vectors.ts'
import { keyFromSeed, sign, verify } from './ed25519.ts'

interface SignCase {
  readonly seed: string
  readonly key: string
  readonly message: string
  readonly signature: string
}

const { cases } = readVectors('seal', 'ed25519') as { cases: SignCase[] }
/** The order of the base point, RFC 8032 section 5.1. */
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n
/** The prefix of an Ed25519 public key in SPKI (RFC 8410). */
const SPKI = fromHex('302a300506032b6570032100')

describe('Ed25519', () => {
  it('gives the keys and signatures of the vectors, those of RFC 8032 among them', () => {
    expect(cases.length).toBe(10)
    for (const one of cases) {
      expect(keyFromSeed(fromHex(one.seed))).toEqual(fromHex(one.key))
      expect(sign(fromHex(one.seed), fromHex(one.message))).toEqual(fromHex(one.signature))
      expect(verify(fromHex(one.key), fromHex(one.message), fromHex(one.signature))).toBe(true)
    }
  })

  it('makes signatures that OpenSSL accepts', () => {
    fc.assert(
      fc.property(arbitraryBytes(32), fc.uint8Array({ maxLength: 200 }), (seed, message) => {
        const key = createPublicKey({ key: Buffer.from(concat([SPKI, keyFromSeed(seed)])), format: 'der', type: 'spki' })
        expect(nodeVerify(null, message, key, sign(seed, message))).toBe(true)
      }),
      { numRuns: 20 },
    )
  })

  it('notices any flipped bit of key, message or signature', () => {
    const seed = new Uint8Array(32).fill(7)
    const message = fromHex('00112233')
    const parts = [keyFromSeed(seed), message, sign(seed, message)] as const
    for (const [part, bytes] of parts.entries()) {
      for (let bit = 0; bit < bytes.length * 8; bit += 5) {
        const [key, text, signature] = parts.map((one) => new Uint8Array(one))
        const target = [key, text, signature][part]
        if (key === undefined || text === undefined || signature === undefined || target === undefined) throw new Error('no parts')
        target[bit >> 3] = (target[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        expect(verify(key, text, signature)).toBe(false)
      }
    }
  })

  it('refuses a second encoding of the same signature, and keys of small order', () => {
    const seed = new Uint8Array(32).fill(7)
    const signature = sign(seed, new Uint8Array(3))
    const malleable = new Uint8Array(signature)
    let s = ORDER
    for (let i = 0; i < 32; i++) s += BigInt(signature[32 + i] ?? 0) << BigInt(8 * i)
    for (let i = 0; i < 32; i++) malleable[32 + i] = Number((s >> BigInt(8 * i)) & 255n)
    expect(verify(keyFromSeed(seed), new Uint8Array(3), signature)).toBe(true)
    expect(verify(keyFromSeed(seed), new Uint8Array(3), malleable)).toBe(false)
    const identity = new Uint8Array(32)
    identity[0] = 1
    expect(verify(identity, new Uint8Array(3), concat([identity, new Uint8Array(32)]))).toBe(false)
  })

  it('says false, never throws, for garbage of any length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 9 }), fc.uint8Array({ maxLength: 70 }), (key, message, signature) => {
        expect(verify(key, message, signature)).toBe(false)
      }),
    )
  })
})
