import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { isAppError } from '../base/errors.ts'
import { concat, equal, utf8, type Bytes } from '../base/bytes.ts'
import { LABELS } from '../base/labels.ts'
import { keyFromSeed, sign, verify } from '../seal/ed25519.ts'
import { arbitraryBytes } from '../testkit/codec-contract.ts'
import { freeClass, openAdvert, signAdvert, type HostAdvert } from './advert.ts'
import {
  acceptReceipt,
  decodeReceipt,
  LEASE_SECONDS,
  openReceipt,
  orderShards,
  RECEIPT_BYTES,
  signReceipt,
  type Receipt,
  type ReceiptTerms,
} from './receipt.ts'

const DAY = 86_400
const seed = new Uint8Array(32).fill(1)
const host = keyFromSeed(seed)
const signer = async (message: Bytes): Promise<Bytes> => sign(seed, message)
const now = 1_790_000_000
const sound: Receipt = {
  host,
  tenant: new Uint8Array(32).fill(2),
  lease: new Uint8Array(16).fill(3),
  issued: now,
  expires: now + LEASE_SECONDS,
  shards: orderShards([5, 4, 6].map((fill) => ({ root: new Uint8Array(32).fill(fill), size: 64 * fill }))),
}
const terms: ReceiptTerms = { host, tenant: sound.tenant, shards: sound.shards, now }

function reasonOf(attempt: () => unknown): string {
  try {
    attempt()
    return 'accepted'
  } catch (error) {
    if (!isAppError(error)) throw error
    return error.kind === 'denied' ? `${error.code} ${String(error.data.reason)}` : error.code
  }
}

describe('a receipt', () => {
  it('says the same after signing, sending and reading, whatever it says', async () => {
    const shards = fc
      .uniqueArray(fc.record({ root: arbitraryBytes(32), size: fc.integer({ min: 1, max: 2 ** 21 }) }), { minLength: 1, maxLength: 6, comparator: (a, b) => equal(a.root, b.root) })
      .map(orderShards)
    const receipts = fc.record({ tenant: arbitraryBytes(32), lease: arbitraryBytes(16), issued: fc.maxSafeNat(), expires: fc.maxSafeNat(), shards })
    await fc.assert(
      fc.asyncProperty(receipts, async (body) => {
        const bytes = await signReceipt({ ...body, host }, signer)
        expect(openReceipt(bytes, verify)).toEqual({ ...body, host })
        expect(decodeReceipt(bytes)).toEqual({ ...body, host })
      }),
      { numRuns: 20 },
    )
  })

  it('fits its limit when it is as long as it can be', async () => {
    const shards = Array.from({ length: 256 }, (_, i) => ({ root: new Uint8Array(32).fill(i), size: 2 ** 21 }))
    const longest = { ...sound, issued: Number.MAX_SAFE_INTEGER, expires: Number.MAX_SAFE_INTEGER, shards }
    expect((await signReceipt(longest, signer)).length).toBe(RECEIPT_BYTES)
    const more = [...shards.slice(0, 255), { root: new Uint8Array(32).fill(255), size: 1 }, { root: new Uint8Array(32).fill(255), size: 2 }]
    await expect(signReceipt({ ...sound, shards: more }, signer)).rejects.toMatchObject({ code: 'format.unencodable' })
  })

  it('names its shards in one order and each once, or is refused', async () => {
    const swapped = [...sound.shards].reverse()
    await expect(signReceipt({ ...sound, shards: swapped }, signer)).rejects.toMatchObject({ code: 'format.unencodable' })
    const twice = sound.shards.slice(0, 1)
    await expect(signReceipt({ ...sound, shards: [...twice, ...twice] }, signer)).rejects.toMatchObject({ code: 'format.unencodable' })
    await expect(signReceipt({ ...sound, shards: [] }, signer)).rejects.toMatchObject({ code: 'format.unencodable' })
    const bytes = await signReceipt(sound, signer)
    bytes[1 + 32 + 32 + 16 + 5 + 5 + 1] = 9 // the first root now comes last
    expect(reasonOf(() => decodeReceipt(bytes))).toBe('format.range')
  })
})

describe('a tenant accepts a receipt', () => {
  let bytes: Bytes
  beforeAll(async () => {
    bytes = await signReceipt(sound, signer)
  })
  const accepted = async (part: Partial<Receipt>, known: Partial<ReceiptTerms> = {}): Promise<string> => {
    const signed = await signReceipt({ ...sound, ...part }, signer)
    return reasonOf(() => acceptReceipt(signed, { ...terms, ...known }, verify))
  }

  it('that answers what it asked for, in whatever order it asked', () => {
    expect(acceptReceipt(bytes, terms, verify)).toEqual(sound)
    expect(acceptReceipt(bytes, { ...terms, shards: [...sound.shards].reverse() }, verify)).toEqual(sound)
  })

  it('only from the host it is connected to, and made out to itself', async () => {
    expect(await accepted({}, { host: new Uint8Array(32) })).toBe('receipt.forged host')
    expect(await accepted({ tenant: new Uint8Array(32) })).toBe('receipt.forged tenant')
    expect(await accepted({ host: keyFromSeed(new Uint8Array(32).fill(8)) })).toBe('receipt.forged signature')
  })

  it('only for exactly the shards it asked for', async () => {
    const [first, second, third] = sound.shards
    if (first === undefined || second === undefined || third === undefined) throw new Error('three shards')
    expect(await accepted({ shards: [first, second] })).toBe('receipt.forged shards')
    expect(await accepted({ shards: [first, second, { ...third, size: 1 }] })).toBe('receipt.forged shards')
    expect(await accepted({ shards: [first, second, { ...third, root: new Uint8Array(32).fill(77) }] })).toBe('receipt.forged shards')
    expect(await accepted({}, { shards: [first, second] })).toBe('receipt.forged shards')
  })

  it('although clocks are off by up to 2 days, not more', async () => {
    for (const skew of [-2 * DAY, -7_200, 7_200, 2 * DAY]) expect(await accepted({}, { now: now + skew })).toBe('accepted')
    for (const skew of [-2 * DAY - 1, 2 * DAY + 1]) expect(await accepted({}, { now: now + skew })).toBe('receipt.forged issued')
  })

  it('for 30 to 366 days', async () => {
    for (const days of [30, 180, 366]) expect(await accepted({ expires: now + days * DAY })).toBe('accepted')
    for (const term of [30 * DAY - 1, 366 * DAY + 1, 0, -DAY]) expect(await accepted({ expires: now + term })).toBe('receipt.forged term')
  })

  it('never with a bit changed or a byte missing', () => {
    for (let bit = 0; bit < bytes.length * 8; bit += 3) {
      const flipped = new Uint8Array(bytes)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(reasonOf(() => acceptReceipt(flipped, terms, verify))).not.toBe('accepted')
    }
    for (let end = 0; end < bytes.length; end++) {
      expect(reasonOf(() => acceptReceipt(bytes.subarray(0, end), terms, verify))).not.toBe('accepted')
    }
    expect(reasonOf(() => acceptReceipt(concat([bytes, Uint8Array.of(0)]), terms, verify))).not.toBe('accepted')
  })

  it('never with a signature made for something else', () => {
    const body = bytes.subarray(0, bytes.length - 64)
    for (const label of ['', LABELS.advert, LABELS.tenantProof]) {
      const other = concat([body, sign(seed, concat([utf8(label), body]))])
      expect(reasonOf(() => acceptReceipt(other, terms, verify))).toBe('receipt.forged signature')
    }
  })
})

describe('a host advert', () => {
  const advert: HostAdvert = { host, issued: now, expires: now + DAY, freeClass: 12, uptimeClass: 9, addresses: ['/ip4/127.0.0.1/tcp/1/ws'] }

  it('says the same after signing, sending and reading', async () => {
    expect(openAdvert(await signAdvert(advert, signer), now, verify)).toEqual(advert)
  })

  it('is refused when another signed it, or a bit of it was changed', async () => {
    const bytes = await signAdvert(advert, signer)
    for (let bit = 0; bit < bytes.length * 8; bit += 3) {
      const flipped = new Uint8Array(bytes)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(() => openAdvert(flipped, now, verify)).toThrow(expect.objectContaining({ name: 'AppError' }))
    }
    const stolen = await signAdvert({ ...advert, host: keyFromSeed(new Uint8Array(32)) }, signer)
    expect(() => openAdvert(stolen, now, verify)).toThrow(expect.objectContaining({ code: 'advert.forged' }))
  })

  it('is good for its time and half a day around it, for clocks that are off', async () => {
    const bytes = await signAdvert(advert, signer)
    for (const at of [now - DAY / 2, now, now + DAY + DAY / 2]) expect(openAdvert(bytes, at, verify)).toEqual(advert)
    for (const at of [now - DAY / 2 - 1, now + DAY + DAY / 2 + 1]) {
      expect(() => openAdvert(bytes, at, verify)).toThrow(expect.objectContaining({ code: 'advert.stale' }))
    }
  })

  it('cannot promise more than 24 hours, or end before it begins', async () => {
    for (const expires of [now + DAY + 1, now - 1]) {
      await expect(signAdvert({ ...advert, expires }, signer)).rejects.toMatchObject({ code: 'format.unencodable' })
    }
  })

  it('names a class of free space that the host has', () => {
    const MIB = 1024 * 1024
    expect([0, MIB, 2 * MIB - 1, 2 * MIB, 5 * 1024 * MIB, 2 ** 53].map(freeClass)).toEqual([0, 0, 0, 1, 12, 33])
    fc.assert(
      fc.property(fc.maxSafeNat(), (free) => {
        const promised = freeClass(free)
        expect(promised === 0 || 2 ** promised * MIB <= free).toBe(true)
      }),
    )
  })
})
