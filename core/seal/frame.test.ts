import { createDecipheriv, randomBytes } from 'node:crypto'
import { deflateRawSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, toHex, type Bytes } from '../base/bytes.ts'
import { encodeFrameHeader, frameLengthOf, PLAINTEXT_BYTES, SEGMENT, sealedLength, TAG, type FrameHeader } from '../formats/frame.ts'
import { arbitraryBytes } from '../testkit/codec-contract.ts'
import { nobleBlake3 } from '../testkit/noble-blake3.ts'
import { sealBuilt, sealFrame, wholeFrame } from '../testkit/seal-frame.ts'
import { frameBody, openFrame } from './frame.ts'
import { openSegments, segmentsAround } from './segments.ts'

const blake3 = nobleBlake3()
const sealKey = new Uint8Array(32).fill(9)
const random = (length: number): Bytes => new Uint8Array(randomBytes(length))
const damaged = { kind: 'corrupt', code: 'chunk.damaged' }

async function roundTrip(plaintext: Bytes): Promise<void> {
  const { sealed, key, frameLength } = await sealFrame({ plaintext, sealKey, blake3 })
  expect(sealed.length).toBe(sealedLength(frameLength))
  expect(frameLengthOf(sealed.length)).toBe(frameLength)
  const expectation = { size: plaintext.length, hash: blake3.hash(plaintext), blake3 }
  const opened = await openFrame({ sealed, key, expect: expectation })
  expect(Buffer.compare(opened, plaintext)).toBe(0)
}

/** A frame with this header and rest, sealed as an honest one would be: what a hostile owner of a link can make. */
async function hostile(header: Bytes, rest: Bytes): Promise<{ sealed: Bytes; key: Bytes }> {
  return sealBuilt(concat([header, rest]), sealKey, blake3)
}
const headerOf = (header: Partial<FrameHeader>): Bytes =>
  encodeFrameHeader({ compression: 'none', size: 4, bodyLength: 4, ...header })

describe('sealing a frame', () => {
  it('opens to the plaintext for every size around an edge', async () => {
    const edge = SEGMENT - 16
    for (const length of [0, 1, 15, 16, 17, edge - 1, edge, edge + 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT]) {
      await roundTrip(random(length))
      await roundTrip(new Uint8Array(length).fill(65))
    }
  })

  it('opens the largest chunk there is, and seals nothing larger', async () => {
    await roundTrip(concat([random(SEGMENT), new Uint8Array(PLAINTEXT_BYTES - SEGMENT)]))
    await expect(frameBody(new Uint8Array(PLAINTEXT_BYTES + 1))).rejects.toMatchObject({ kind: 'bug' })
  })

  it('opens to the plaintext whatever its contents', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 4_000 }), (plaintext) => roundTrip(new Uint8Array(plaintext))),
      { numRuns: 40 },
    )
  })

  it('lays segments out as chunk.md 3 says: node:crypto opens each by itself', async () => {
    const plaintext = random(2 * SEGMENT + 1_000)
    const { sealed, key, frameLength } = await sealFrame({ plaintext, sealKey, blake3 })
    const count = Math.ceil(frameLength / SEGMENT)
    expect(count).toBe(3)
    const parts = Array.from({ length: count }, (_, i) => {
      const box = sealed.subarray(i * (SEGMENT + TAG), (i + 1) * (SEGMENT + TAG))
      const nonce = new Uint8Array(12)
      nonce[10] = i
      nonce[11] = i === count - 1 ? 1 : 0
      const decipher = createDecipheriv('aes-256-gcm', key, nonce)
      decipher.setAuthTag(box.subarray(-TAG))
      return concat([decipher.update(box.subarray(0, -TAG)), decipher.final()])
    })
    const frame = concat(parts)
    expect(toHex(frame.subarray(0, 16))).toBe('53484631' + '00' + '000000' + '000803e8' + '000803e8')
    expect(Buffer.compare(frame.subarray(16, 16 + plaintext.length), plaintext)).toBe(0)
    expect(frame.subarray(16 + plaintext.length).every((byte) => byte === 0)).toBe(true)
  })

  it('seals equal frames to equal bytes, and never two different frames under one key', async () => {
    const body = fc.record({
      bytes: fc.uint8Array({ maxLength: 40 }).map((bytes) => new Uint8Array(bytes)),
      padding: fc.nat(40),
      compressor: fc.constantFrom('none' as const, 'level 1' as const, 'level 9' as const),
    })
    await fc.assert(
      fc.asyncProperty(body, body, async (first, second) => {
        const frames = [first, second].map(({ bytes, padding, compressor }) => {
          const packed = compressor === 'none' ? bytes : new Uint8Array(deflateRawSync(bytes, { level: compressor === 'level 1' ? 1 : 9 }))
          const compression = compressor === 'none' ? 'none' : 'deflate'
          return wholeFrame({ compression, size: bytes.length, bytes: packed }, 16 + packed.length + padding)
        })
        const [a, b] = await Promise.all(frames.map((frame) => sealBuilt(frame, sealKey, blake3)))
        const same = toHex(frames[0] ?? sealKey) === toHex(frames[1] ?? sealKey)
        expect(toHex(a?.key ?? sealKey) === toHex(b?.key ?? sealKey)).toBe(same)
        expect(toHex(a?.sealed ?? sealKey) === toHex(b?.sealed ?? sealKey)).toBe(same)
      }),
      { numRuns: 100, examples: [[{ bytes: random(3), padding: 0, compressor: 'none' }, { bytes: random(3), padding: 1, compressor: 'none' }]] },
    )
  })

  it('gives one plaintext another key under another seal key, padding or compressor', async () => {
    const plaintext = new Uint8Array(500).fill(66)
    const body = await frameBody(plaintext)
    const plain = { compression: 'none' as const, size: 500, bytes: plaintext }
    const keys = await Promise.all([
      sealBuilt(wholeFrame(body, 100), sealKey, blake3),
      sealBuilt(wholeFrame(body, 101), sealKey, blake3),
      sealBuilt(wholeFrame(plain, 516), sealKey, blake3),
      sealBuilt(wholeFrame(body, 100), new Uint8Array(32), blake3),
    ])
    expect(new Set(keys.map(({ key }) => toHex(key))).size).toBe(4)
  })
})

describe('opening a frame', () => {
  it('notices a flipped bit anywhere', async () => {
    const { sealed, key } = await sealFrame({ plaintext: random(40), sealKey, blake3 })
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const flipped = new Uint8Array(sealed)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      await expect(openFrame({ sealed: flipped, key })).rejects.toMatchObject(damaged)
    }
  })

  it('notices another key', async () => {
    const { sealed, key } = await sealFrame({ plaintext: random(40), sealKey, blake3 })
    await fc.assert(
      fc.asyncProperty(arbitraryBytes(32), async (other) => {
        fc.pre(toHex(other) !== toHex(key))
        await expect(openFrame({ sealed, key: other })).rejects.toMatchObject(damaged)
      }),
      { numRuns: 10 },
    )
  })

  it('notices segments that were cut off, swapped, doubled or added', async () => {
    const { sealed, key } = await sealFrame({ plaintext: random(3 * SEGMENT), padTo: 3 * SEGMENT + 16, sealKey, blake3 })
    const segment = (i: number): Bytes => sealed.subarray(i * (SEGMENT + TAG), (i + 1) * (SEGMENT + TAG))
    const wrong = [
      concat([segment(0), segment(1), segment(2)]),
      concat([segment(0), segment(1)]),
      segment(0),
      concat([segment(1), segment(0), segment(2), segment(3)]),
      concat([segment(0), segment(2), segment(3)]),
      concat([segment(0), segment(0), segment(1), segment(2), segment(3)]),
      concat([sealed, segment(3)]),
      sealed.subarray(0, sealed.length - 1),
      sealed.subarray(1),
      new Uint8Array(0),
      new Uint8Array(TAG),
    ]
    for (const bytes of wrong) await expect(openFrame({ sealed: bytes, key })).rejects.toMatchObject(damaged)
  })

  it('refuses every header that lies', async () => {
    const four = Uint8Array.of(1, 2, 3, 4)
    const patched = (at: number, value: number): Bytes => {
      const header = headerOf({})
      header[at] = value
      return header
    }
    const lies: [Bytes, Bytes][] = [
      [patched(3, 0x32), four], // SHF2
      [patched(4, 3), four], // unknown compression
      [patched(5, 1), four],
      [patched(6, 1), four],
      [patched(7, 1), four],
      [patched(8, 2), four], // plaintext over 16 MiB
      [headerOf({ bodyLength: 5, size: 5 }), four], // body beyond the frame
      [headerOf({ bodyLength: 3 }), four], // body and size differ
      [headerOf({}), concat([four, Uint8Array.of(0, 0, 1)])], // padding
      [headerOf({}).subarray(0, 15), new Uint8Array(0)],
    ]
    for (const [header, rest] of lies) await expect(openFrame(await hostile(header, rest))).rejects.toMatchObject(damaged)
    const honest = await openFrame(await hostile(headerOf({}), concat([four, new Uint8Array(3)])))
    expect(honest).toEqual(four)
  })

  it('refuses bodies that decompress to more or less than promised, bombs among them', async () => {
    const zeros = (length: number): Uint8Array => new Uint8Array(length)
    const makers = { deflate: deflateRawSync, zstd: zstdCompressSync }
    for (const compression of ['deflate', 'zstd'] as const) {
      const bomb = new Uint8Array(makers[compression](zeros(32 * 1024 * 1024)))
      const small = new Uint8Array(makers[compression](zeros(1_000)))
      const bodies: [Bytes, number][] = [
        [bomb, 16],
        [bomb, PLAINTEXT_BYTES],
        [small, 999],
        [small, 1_001],
        [Uint8Array.of(255, 255, 255), 10],
      ]
      for (const [body, size] of bodies) {
        const frame = await hostile(headerOf({ compression, size, bodyLength: body.length }), body)
        await expect(openFrame(frame)).rejects.toMatchObject(damaged)
      }
      const honest = await hostile(headerOf({ compression, size: 1_000, bodyLength: small.length }), small)
      expect(await openFrame(honest)).toEqual(zeros(1_000))
    }
  })

  it('refuses plaintext of another size or hash than the manifest promised', async () => {
    const plaintext = random(100)
    const { sealed, key } = await sealFrame({ plaintext, sealKey, blake3 })
    const hash = blake3.hash(plaintext)
    const wrong = [
      { size: 99, hash, blake3 },
      { size: 100, hash: blake3.hash(hash), blake3 },
    ]
    for (const expect_ of wrong) await expect(openFrame({ sealed, key, expect: expect_ })).rejects.toMatchObject(damaged)
  })
})

describe('opening a range of segments', () => {
  it('gives the same bytes as the whole frame, whatever the range', async () => {
    const plaintext = random(3 * SEGMENT + 5_000)
    const { sealed, key, frameLength } = await sealFrame({ plaintext, sealKey, blake3 })
    const whole = await openSegments({ bytes: sealed, first: 0, length: sealed.length }, key)
    await fc.assert(
      fc.asyncProperty(fc.nat(frameLength - 1), fc.nat(frameLength), async (offset, more) => {
        const length = 1 + Math.min(more, frameLength - offset - 1)
        const run = segmentsAround(offset, length, sealed.length)
        const bytes = sealed.slice(run.offset, run.offset + run.length)
        const opened = await openSegments({ bytes, first: run.first, length: sealed.length }, key)
        const start = offset - run.first * SEGMENT
        expect(Buffer.compare(opened.subarray(start, start + length), whole.subarray(offset, offset + length))).toBe(0)
      }),
      { numRuns: 25 },
    )
  })

  it('refuses a run that is placed elsewhere, or is not of whole segments', async () => {
    const { sealed, key } = await sealFrame({ plaintext: random(2 * SEGMENT), padTo: 2 * SEGMENT + 16, sealKey, blake3 })
    const second = sealed.slice(SEGMENT + TAG, 2 * (SEGMENT + TAG))
    const length = sealed.length
    await expect(openSegments({ bytes: second, first: 0, length }, key)).rejects.toMatchObject(damaged)
    await expect(openSegments({ bytes: second, first: 2, length }, key)).rejects.toMatchObject({ code: 'format.range' })
    await expect(openSegments({ bytes: second.slice(1), first: 1, length }, key)).rejects.toMatchObject({ code: 'format.range' })
    await expect(openSegments({ bytes: second, first: -1, length }, key)).rejects.toMatchObject({ code: 'format.range' })
    expect((await openSegments({ bytes: second, first: 1, length }, key)).length).toBe(SEGMENT)
  })
})
