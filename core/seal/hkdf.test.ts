import { hkdfSync } from 'node:crypto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { fromHex } from '../base/bytes.ts'
import { arbitraryBytes } from '../testkit/codec-contract.ts'
import { readVectors } from '../testkit/vectors.ts'
import { hkdf, hkdfSha256 } from './hkdf.ts'

interface HkdfCase {
  readonly ikm: string
  readonly salt: string
  readonly info: string
  readonly okm: string
}

it('gives the output of RFC 5869 for its vectors', async () => {
  const { cases } = readVectors('seal', 'hkdf-sha256') as { cases: HkdfCase[] }
  expect(cases.length).toBe(3)
  for (const one of cases) {
    const okm = await hkdfSha256(fromHex(one.ikm), fromHex(one.salt), fromHex(one.info))
    expect(okm).toEqual(fromHex(one.okm).slice(0, 32))
  }
})

it('agrees with the HKDF of node:crypto, and takes 32 zero bytes for an absent salt', async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryBytes(32), fc.string({ unit: 'grapheme-ascii' }), fc.option(arbitraryBytes(32)), async (ikm, label, salt) => {
      const expected = new Uint8Array(hkdfSync('sha256', ikm, salt ?? new Uint8Array(32), label, 32))
      expect(await (salt === null ? hkdf(ikm, label) : hkdf(ikm, label, salt))).toEqual(expected)
    }),
    { numRuns: 30 },
  )
})
