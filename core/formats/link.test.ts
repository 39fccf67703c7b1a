import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isAppError } from '../base/errors.ts'
import { toBase64Url, toHex } from '../base/bytes.ts'
import { arbitraryBytes } from '../testkit/codec-contract.ts'
import { nobleBlake3 } from '../testkit/noble-blake3.ts'
import { formatLink, linkSeed, parseLink } from './link.ts'
import { SEALED_LOCKER } from './locker.ts'
import { formatRecordValue, parseLinkValue, parseRecordValue, type RecordValue } from './record-value.ts'

const blake3 = nobleBlake3()

describe('a link', () => {
  it('is #/s/ and 43 characters, and leads back to its seed', () => {
    fc.assert(
      fc.property(arbitraryBytes(28), (random) => {
        const seed = linkSeed(random, blake3)
        const link = formatLink(seed)
        expect(link).toMatch(/^#\/s\/[A-Za-z0-9_-]{43}$/)
        expect(parseLink(link, blake3)).toEqual(seed)
        expect(seed.subarray(0, 28)).toEqual(random)
      }),
    )
  })

  it('is damaged when any character is missing, changed or added', () => {
    const link = formatLink(linkSeed(new Uint8Array(28).fill(7), blake3))
    const damaged = [link + 'A', link + '=', ' ' + link, link.slice(1), link.replace('/s/', '/x/'), '', '#/s/', '#/s/' + 'A'.repeat(43)]
    for (let i = 0; i < link.length; i++) {
      damaged.push(link.slice(0, i), link.slice(0, i) + link.slice(i + 1), link.slice(0, i) + (link[i] === 'B' ? 'C' : 'B') + link.slice(i + 1))
    }
    for (const text of damaged) {
      expect(() => parseLink(text, blake3)).toThrow(expect.objectContaining({ kind: 'invalid', code: 'link.damaged' }))
    }
  })

  it('takes exactly 28 random bytes', () => {
    expect(() => linkSeed(new Uint8Array(27), blake3)).toThrow(expect.objectContaining({ kind: 'bug' }))
  })
})

describe('the value of a record', () => {
  const values: fc.Arbitrary<RecordValue> = fc.oneof(
    fc.constant({ kind: 'gone' as const }),
    fc.record({ kind: fc.constant('locker' as const), sealed: arbitraryBytes(SEALED_LOCKER) }),
    fc.record({ kind: fc.constant('object' as const), name: arbitraryBytes(32), holders: fc.array(arbitraryBytes(32), { maxLength: 20 }) }),
  )
  const codeOf = (path: string): string => {
    try {
      parseRecordValue(path)
      return 'accepted'
    } catch (error) {
      return isAppError(error, 'invalid') ? error.code : String(error)
    }
  }

  it('says the same as a path, and a path that is read is the only one that says it', () => {
    fc.assert(
      fc.property(values, fc.nat(), fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 1 }), (value, at, character) => {
        const path = formatRecordValue(value)
        expect(parseRecordValue(path)).toEqual(value)
        const place = at % path.length
        const changed = path.slice(0, place) + character + path.slice(place + 1)
        if (codeOf(changed) === 'accepted') expect(formatRecordValue(parseRecordValue(changed))).toBe(changed)
        else expect(codeOf(changed)).toMatch(/^(format|hex|base64)\.[a-z]+$/)
      }),
    )
  })

  it('is what any text is, or the text is refused with a reason', () => {
    const parts = fc.constantFrom('', 'shoal', 'object', 'locker', 'gone', '1', '2', 'ab'.repeat(32), 'A'.repeat(208), 'A'.repeat(43))
    const paths = fc.array(fc.oneof(parts, fc.string({ unit: 'binary' })), { maxLength: 8 }).map((path) => path.join('/'))
    const known = paths.map((path) => `/shoal/${path}`)
    fc.assert(
      fc.property(fc.oneof(paths, known), (path) => {
        if (codeOf(path) === 'accepted') expect(formatRecordValue(parseRecordValue(path))).toBe(path)
        else expect(codeOf(path)).toMatch(/^(format|hex|base64)\.[a-z]+$/)
      }),
      { numRuns: 1_000 },
    )
  })

  it('that is a locker is no value of a link', () => {
    const locker = formatRecordValue({ kind: 'locker', sealed: new Uint8Array(SEALED_LOCKER) })
    expect(parseRecordValue(locker).kind).toBe('locker')
    expect(() => parseLinkValue(locker)).toThrow(expect.objectContaining({ kind: 'invalid', code: 'format.magic' }))
    expect(parseLinkValue('/shoal/gone/1')).toEqual({ kind: 'gone' })
  })

  it('is written as objects.md 5 and account.md 3 say', () => {
    const sealed = new Uint8Array(SEALED_LOCKER).fill(3)
    expect(formatRecordValue({ kind: 'locker', sealed })).toBe(`/shoal/locker/1/${toBase64Url(sealed)}`)
    expect(toBase64Url(sealed).length).toBe(208)
    const name = new Uint8Array(32).fill(1)
    const key = new Uint8Array(32).fill(2)
    expect(formatRecordValue({ kind: 'object', name, holders: [key] })).toBe(`/shoal/object/1/${toHex(name)}/${toBase64Url(key)}`)
    expect(formatRecordValue({ kind: 'object', name, holders: [] })).toBe(`/shoal/object/1/${toHex(name)}`)
    expect(formatRecordValue({ kind: 'gone' })).toBe('/shoal/gone/1')
  })

  it('is refused with the reason', () => {
    const name = 'ab'.repeat(32)
    const key = 'A'.repeat(43)
    const box = 'A'.repeat(208)
    const known: [string, string][] = [
      ['', 'format.magic'],
      ['shoal/gone/1', 'format.magic'],
      ['/ipfs/bafy', 'format.magic'],
      ['/shoal/other/1', 'format.magic'],
      ['/shoal/gone', 'format.version'],
      ['/shoal/gone/2', 'format.version'],
      [`/shoal/object/2/${name}`, 'format.version'],
      [`/shoal/object/01/${name}`, 'format.version'],
      ['/shoal/gone/1/', 'format.trailing'],
      ['/shoal/object/1', 'format.short'],
      ['/shoal/object/1/', 'format.range'],
      [`/shoal/object/1/${name.slice(2)}`, 'format.range'],
      [`/shoal/object/1/${name.toUpperCase()}`, 'hex.malformed'],
      [`/shoal/object/1/${name}/`, 'format.range'],
      [`/shoal/object/1/${name}/${key}x`, 'format.range'],
      [`/shoal/object/1/${name}/${key.slice(1)}B`, 'base64.malformed'],
      [`/shoal/object/1/${name}${`/${key}`.repeat(21)}`, 'format.range'],
      ['/shoal/locker', 'format.version'],
      [`/shoal/locker/2/${box}`, 'format.version'],
      ['/shoal/locker/1', 'format.short'],
      ['/shoal/locker/1/', 'format.range'],
      [`/shoal/locker/1/${box}A`, 'format.range'],
      [`/shoal/locker/1/${box.slice(1)}`, 'format.range'],
      [`/shoal/locker/1/${box.slice(1)}+`, 'base64.malformed'],
      [`/shoal/locker/1/${box}/`, 'format.trailing'],
      [`/shoal/locker/1/${box}/${key}`, 'format.trailing'],
    ]
    for (const [path, code] of known) expect([path, codeOf(path)]).toEqual([path, code])
    expect(codeOf(`/shoal/object/1/${name}${`/${key}`.repeat(20)}`)).toBe('accepted')
  })

  it('is not written with too many holders, or keys or a locker of another length', () => {
    const name = new Uint8Array(32)
    const bad: RecordValue[] = [
      { kind: 'object', name, holders: Array.from({ length: 21 }, () => name) },
      { kind: 'object', name: name.slice(1), holders: [] },
      { kind: 'object', name, holders: [name.slice(1)] },
      { kind: 'locker', sealed: new Uint8Array(SEALED_LOCKER - 1) },
      { kind: 'locker', sealed: new Uint8Array(SEALED_LOCKER + 1) },
    ]
    for (const value of bad) expect(() => formatRecordValue(value)).toThrow(expect.objectContaining({ code: 'format.unencodable' }))
  })
})
