import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sealObject } from '../seal/object.ts'
import { arbitraryBytes, codecContract, formatOf } from '../testkit/codec-contract.ts'
import { nobleBlake3 } from '../testkit/noble-blake3.ts'
import { SeededRandom } from '../testkit/seeded-random.ts'
import { encode } from './codec.ts'
import { OBJECT_BYTES } from './tree-node.ts'
import { INLINE_BYTES, PART_BYTES, SEGMENTS_MAX } from './drive.ts'
import { DEVICE_NAME, head, HEAD_INDEX, type DrivePart, type Head } from './head.ts'

const part: fc.Arbitrary<DrivePart> = fc.record({ link: arbitraryBytes(32), size: fc.nat(PART_BYTES), hash: arbitraryBytes(32) })
const heads: fc.Arbitrary<Head> = fc
  .record({
    index: fc.nat(HEAD_INDEX),
    device: arbitraryBytes(16),
    name: fc.string({ maxLength: 16 }),
    written: fc.maxSafeNat(),
    known: fc.uniqueArray(fc.record({ index: fc.nat(HEAD_INDEX), sequence: fc.maxSafeNat(), contained: fc.boolean() }), { selector: ({ index }) => index, maxLength: 4 }),
    snapshot: fc.option(part, { nil: undefined }),
    segments: fc.array(part, { maxLength: 3 }),
    inline: fc.nat(60).chain(arbitraryBytes),
  })
  .map((value) => ({ ...value, known: value.known.filter(({ index }) => index !== value.index).sort((a, b) => a.index - b.index) }))

codecContract('a head', formatOf(head), heads)

describe('a head', () => {
  const known = (index: number) => ({ index, sequence: Number.MAX_SAFE_INTEGER, contained: true })
  const some: DrivePart = { link: new Uint8Array(32), size: PART_BYTES, hash: new Uint8Array(32) }
  const sound: Head = { index: 0, device: new Uint8Array(16), name: 'a', written: 1, known: [known(1), known(3)], snapshot: some, segments: [some], inline: new Uint8Array() }

  it('names other heads once each and in order, and never itself', () => {
    expect(encode(head, sound).length).toBeGreaterThan(0)
    const wrong: Partial<Head>[] = [{ known: [known(0)] }, { known: [known(3), known(1)] }, { known: [known(1), known(1)] }]
    for (const fields of wrong) expect(() => encode(head, { ...sound, ...fields })).toThrow(expect.objectContaining({ code: 'format.unencodable' }))
  })

  it('fits one object at its largest, however badly it compresses', async () => {
    const random = new SeededRandom(1)
    const odd = (): DrivePart => ({ link: random.bytes(32), size: PART_BYTES, hash: random.bytes(32) })
    const largest: Head = {
      index: 0,
      device: new Uint8Array(16),
      name: 'x'.repeat(DEVICE_NAME),
      written: Number.MAX_SAFE_INTEGER,
      known: Array.from({ length: 255 }, (_, i) => known(HEAD_INDEX - 255 + i)),
      snapshot: odd(),
      segments: Array.from({ length: SEGMENTS_MAX }, odd),
      inline: random.bytes(INLINE_BYTES),
    }
    const { bytes } = await sealObject(encode(head, largest), random.bytes(32), nobleBlake3())
    expect(bytes.length).toBeLessThanOrEqual(OBJECT_BYTES)
  })
})
