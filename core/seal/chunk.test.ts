import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Bytes } from '../base/bytes.ts'
import { SEGMENT, sealedLength } from '../formats/frame.ts'
import { nobleBlake3 } from '../testkit/noble-blake3.ts'
import { frameLengths, sealChunk, type Plaintext } from './chunk.ts'
import { openFrame, type FrameBody } from './frame.ts'
import { padme } from './padme.ts'

const blake3 = nobleBlake3()
const sealKey = new Uint8Array(32).fill(3)
const bodyOf = (length: number): FrameBody => ({ compression: 'none', size: length, bytes: new Uint8Array(length) })
const plaintextOf = (bytes: Bytes): Plaintext => ({ bytes, hash: blake3.hash(bytes) })
const sum = (numbers: number[]): number => numbers.reduce((all, one) => all + one, 0)

describe('frame lengths of a sealed chunk', () => {
  it('pads the frame of a single chunk by Padmé', () => {
    expect(frameLengths([bodyOf(5_000_000)])).toEqual([padme(5_000_016)])
  })

  it('pads only the last frame of a pack, by the least that reaches the padded sum', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 700_000 }), { minLength: 2, maxLength: 12 })
    fc.assert(
      fc.property(sizes, (lengths) => {
        const bare = lengths.map((length) => length + 16)
        const padded = frameLengths(lengths.map(bodyOf))
        expect(padded.slice(0, -1)).toEqual(bare.slice(0, -1))
        const target = padme(sum(bare.map(sealedLength)))
        const last = padded.at(-1) ?? 0
        expect(sum(padded.map(sealedLength))).toBeGreaterThanOrEqual(target)
        const shorter = sum([...padded.slice(0, -1), last - 1].map(sealedLength))
        if (last > (bare.at(-1) ?? 0)) expect(shorter).toBeLessThan(target)
      }),
      { numRuns: 300 },
    )
  })

  it('steps over lengths that no sealed frame has, at the edge of a segment', () => {
    // padmé brings the sum into the 17 bytes between a full segment and the next one's first byte, for some of these.
    for (let length = SEGMENT - 40_000; length < SEGMENT; length += 7) {
      const padded = frameLengths([bodyOf(64), bodyOf(length)])
      const target = padme(sealedLength(80) + sealedLength(length + 16))
      const reached = sum(padded.map(sealedLength))
      expect(reached === target || reached - target <= 16).toBe(true)
      expect(reached).toBeGreaterThanOrEqual(target)
    }
  })
})

describe('sealing a chunk or pack', () => {
  const plaintexts: Bytes[] = [1, 700, 262_128, 100].map((length) => new Uint8Array(randomBytes(length)))

  it('opens every file of a pack with its own key, and none with its neighbour’s', async () => {
    const { sealed, parts } = await sealChunk(plaintexts.map(plaintextOf), sealKey, blake3)
    expect(sum(parts.map((part) => part.length))).toBe(sealed.length)
    for (const [i, part] of parts.entries()) {
      const frame = sealed.subarray(part.offset, part.offset + part.length)
      expect(await openFrame({ sealed: frame, key: part.key })).toEqual(plaintexts[i])
      const neighbour = parts[(i + 1) % parts.length]
      await expect(openFrame({ sealed: frame, key: neighbour?.key ?? sealKey })).rejects.toMatchObject({ code: 'chunk.damaged' })
    }
  })

  it('seals the same files to the same bytes', async () => {
    const first = await sealChunk(plaintexts.map(plaintextOf), sealKey, blake3)
    const second = await sealChunk(plaintexts.map(plaintextOf), sealKey, blake3)
    expect(second).toEqual(first)
  })

  it('stops when it is cancelled', async () => {
    const signal = AbortSignal.abort()
    await expect(sealChunk(plaintexts.map(plaintextOf), sealKey, blake3, { signal })).rejects.toMatchObject({ kind: 'aborted' })
  })
})
