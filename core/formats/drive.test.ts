import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { arbitraryBytes, codecContract, formatOf } from '../testkit/codec-contract.ts'
import { SeededRandom } from '../testkit/seeded-random.ts'
import { decode, encode } from './codec.ts'
import { ADDED_MAX, driveLog, parseVersionKey, isEntryId, isFolderId, newEntryId, newVersionId, versionKey, versionRecord, type DriveLog, type VersionRecord } from './drive.ts'
import { nameFault } from './file-name.ts'

const version: fc.Arbitrary<VersionRecord> = fc.record({
  size: fc.maxSafeNat(),
  type: fc.constantFrom('', 'text/plain'),
  modified: fc.maxSafeNat(),
  added: fc.nat(2 ** 31 - 1).map((low) => low + 2 ** 40),
  device: fc.nat(65_535),
  content: fc.nat(300).chain(arbitraryBytes),
})

const log: fc.Arbitrary<DriveLog> = fc.record({ next: fc.constant(100), count: fc.nat(20), whole: fc.boolean(), bytes: fc.nat(2 ** 29), inline: fc.nat(300).chain(arbitraryBytes) }).map(
  ({ next, count, whole, bytes, inline }) => ({
    next,
    snapshot: whole ? { number: 99, bytes } : undefined,
    segments: Array.from({ length: count }, (_, number) => ({ number, bytes })),
    inline,
  }),
)

codecContract('a version', formatOf(versionRecord), version)
codecContract('a log', formatOf(driveLog), log)

describe('ids', () => {
  it('say what they are of, and come back out of the key of a version', () => {
    const random = new SeededRandom(1)
    const [file, folder, id] = [newEntryId('file', random), newEntryId('folder', random), newVersionId(random)]
    expect(isEntryId(file) && isEntryId(folder) && isFolderId(folder) && !isFolderId(file)).toBe(true)
    expect(parseVersionKey(versionKey(file, id))).toEqual({ file, version: id })
    for (const key of ['', file, `${file}/`, versionKey(folder, id), `${versionKey(file, id)}x`, `${file}/${id}\n`]) expect(parseVersionKey(key)).toBeUndefined()
  })
})

describe('a log', () => {
  it('with a part number twice, or one that is not given out yet, is refused', () => {
    const part = { number: 1, bytes: 1 }
    const sound: DriveLog = { next: 2, snapshot: undefined, segments: [part], inline: new Uint8Array(0) }
    const bytes = encode(driveLog, sound)
    expect(decode(driveLog, bytes)).toEqual(sound)
    bytes[1] = 1
    expect(() => decode(driveLog, bytes)).toThrow(expect.objectContaining({ code: 'format.mismatch' }))
    expect(() => encode(driveLog, { ...sound, snapshot: part })).toThrow(expect.objectContaining({ code: 'format.unencodable' }))
  })
})

describe('a version', () => {
  it('was added at a time that leaves room for a later one', () => {
    const last = { size: 1, type: '', modified: 1, added: ADDED_MAX, device: 1, content: new Uint8Array(0) }
    expect(decode(versionRecord, encode(versionRecord, last)).added).toBe(2 ** 48)
    expect(() => encode(versionRecord, { ...last, added: ADDED_MAX + 1 })).toThrow(expect.objectContaining({ code: 'format.unencodable' }))
  })
})

describe('a name', () => {
  it('of 255 bytes is a file name, and one of 256 is not', () => {
    expect(nameFault('é'.repeat(127) + 'a')).toBeUndefined()
    expect(nameFault('é'.repeat(128))?.code).toBe('name.long')
  })
})
