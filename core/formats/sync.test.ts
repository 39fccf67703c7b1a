import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { arbitraryBytes, codecContract, formatOf } from '../testkit/codec-contract.ts'
import { encode } from './codec.ts'
import { PART_BYTES } from './drive.ts'
import { HEAD_INDEX, type DrivePart } from './head.ts'
import { syncRecord, type OtherHead, type SyncRecord } from './sync.ts'

const part: fc.Arbitrary<DrivePart> = fc.record({ link: arbitraryBytes(32), size: fc.nat(PART_BYTES), hash: arbitraryBytes(32) })
const other: fc.Arbitrary<OtherHead> = fc.record({ index: fc.nat(HEAD_INDEX), sequence: fc.maxSafeNat(), contained: fc.boolean(), name: fc.string({ maxLength: 16 }), written: fc.maxSafeNat(), merged: fc.maxSafeNat() })
const records: fc.Arbitrary<SyncRecord> = fc
  .record({
    index: fc.option(fc.nat(HEAD_INDEX), { nil: undefined }),
    device: arbitraryBytes(16),
    name: fc.string({ maxLength: 16 }),
    sequence: fc.maxSafeNat(),
    tried: fc.maxSafeNat(),
    attempted: fc.maxSafeNat(),
    written: fc.maxSafeNat(),
    parts: fc.array(part, { maxLength: 4 }),
    inline: fc.nat(60).chain(arbitraryBytes),
    placed: fc.boolean(),
    dirty: fc.boolean(),
    vector: fc.nat(20).chain(arbitraryBytes),
    others: fc.uniqueArray(other, { selector: ({ index }) => index, maxLength: 4 }),
    dropped: fc.array(fc.record({ link: arbitraryBytes(32), since: fc.maxSafeNat() }), { maxLength: 3 }),
  })
  .map(({ inline, ...value }) => {
    const [snapshot, ...segments] = value.parts.map(({ size }, number) => ({ number, bytes: size }))
    const log = { next: value.parts.length, snapshot, segments, inline }
    return { ...value, log, parts: value.parts.map((one, number) => ({ number, part: one })), others: value.others.sort((a, b) => a.index - b.index) }
  })

codecContract('what is remembered of heads', formatOf(syncRecord), records)

describe('what is remembered of heads', () => {
  it('has a stored part for each part of the log, and other heads in order', () => {
    const [sound] = fc.sample(records.filter(({ parts, others }) => parts.length > 0 && others.length > 1), 1)
    const wrong: Partial<SyncRecord>[] = [{ parts: [] }, { parts: sound!.parts.map((one) => ({ ...one, number: one.number + 1 })) }, { others: [...sound!.others].reverse() }]
    expect(encode(syncRecord, sound!).length).toBeGreaterThan(0)
    for (const fields of wrong) expect(() => encode(syncRecord, { ...sound!, ...fields })).toThrow(expect.objectContaining({ code: 'format.unencodable' }))
  })
})
