import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isAppError } from '../base/errors.ts'
import { utf8 } from '../base/bytes.ts'
import { readVectors } from '../testkit/vectors.ts'
import { NAME_BYTES, NAME_POINTS, normalizeName } from './name.ts'
import { normalizePassword, PASSWORD_BYTES } from './password.ts'

interface Known {
  readonly typed: string
  readonly normal: string
}

const known = readVectors('account', 'texts') as Record<'names' | 'passwords', Known[]>

/** The normal form, or the code of the refusal; rethrows what is not a typed refusal. */
function outcome(normalize: (typed: string) => string, typed: string): { normal: string } | string {
  try {
    return { normal: normalize(typed) }
  } catch (error) {
    if (isAppError(error, 'invalid')) return error.code
    throw error
  }
}

// Whole code points, grapheme clusters, and UTF-16 with lone surrogates.
const typed = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 10 }).map((units) => String.fromCharCode(...units)),
)

describe('a name', () => {
  it('has the normal form that another implementation found', () => {
    expect(known.names.length).toBeGreaterThan(15)
    for (const one of known.names) expect([one.typed, normalizeName(one.typed)]).toEqual([one.typed, one.normal])
  })

  it('is the same however it was typed', () => {
    const same = [
      ['Ada Lovelace', ' ada  LOVELACE\t', 'ａｄａ\u3000lovelace', 'Ada\u00a0Lovelace'],
      ['Ångström', 'A\u030angstro\u0308m', '\u212bngstr\u00f6m'],
      ['ΟΔΟΣ', 'οδος', 'οδοσ'],
      ['ﬁsh', 'FISH'],
      ['\u212aelvin', 'kelvin'],
    ]
    for (const forms of same) expect([forms[0], new Set(forms.map(normalizeName)).size]).toEqual([forms[0], 1])
    expect(normalizeName('ISTANBUL')).toBe('istanbul')
    expect(normalizeName('İstanbul')).not.toBe(normalizeName('istanbul'))
    expect(normalizeName('аda')).not.toBe(normalizeName('ada'))
  })

  it('that is normal stays as it is, and any other text is refused with a reason', () => {
    const seen = new Set<string>()
    fc.assert(
      fc.property(typed, (text) => {
        const found = outcome(normalizeName, text)
        seen.add(typeof found === 'string' ? found : 'normal')
        if (typeof found === 'string') {
          expect(found).toMatch(/^name\.(empty|long|characters)$/)
          return
        }
        expect(normalizeName(found.normal)).toBe(found.normal)
        expect(found.normal).toMatch(/^\S(.*\S)?$/u)
        expect(found.normal).not.toMatch(/ {2}|\p{C}/u)
        expect(Array.from(found.normal).length).toBeLessThanOrEqual(NAME_POINTS)
        expect(utf8(found.normal).length).toBeLessThanOrEqual(NAME_BYTES)
      }),
      { numRuns: 2_000 },
    )
    expect(seen.has('normal') && seen.has('name.characters')).toBe(true)
  })

  it('of any single visible character is normal for good, or refused', () => {
    let normal = 0
    for (let point = 0; point <= 0x10ffff; point++) {
      const character = String.fromCodePoint(point)
      if (/\p{C}/u.test(character)) continue
      const found = outcome(normalizeName, character)
      if (typeof found === 'string') continue
      normal++
      if (normalizeName(found.normal) !== found.normal) expect.fail(`U+${point.toString(16)} does not settle`)
    }
    expect(normal).toBeGreaterThan(100_000)
  })

  it('is refused with the reason', () => {
    const cases: [string, string][] = [
      ['', 'name.empty'],
      [' \t\u3000\n', 'name.empty'],
      ['a\0b', 'name.characters'],
      ['a\u007f', 'name.characters'],
      ['a\u200bb', 'name.characters'],
      ['a\u200db', 'name.characters'],
      ['\u202eada', 'name.characters'],
      ['\ufeffada', 'name.characters'],
      ['a\u00adb', 'name.characters'],
      ['ad\u034fa', 'name.characters'],
      ['❤\ufe0f', 'name.characters'],
      ['\u3164', 'name.characters'],
      ['\ud800', 'name.characters'],
      ['a\udc00b', 'name.characters'],
      ['\ue000', 'name.characters'],
      ['\u0378', 'name.characters'],
      ['\uffff', 'name.characters'],
      ['a'.repeat(65), 'name.long'],
      ['🐟'.repeat(64), 'name.long'],
      ['\ufdfa'.repeat(4), 'name.long'],
      ['a'.repeat(1_000_000), 'name.long'],
    ]
    for (const [text, code] of cases) expect([text.slice(0, 20), outcome(normalizeName, text)]).toEqual([text.slice(0, 20), code])
    expect(normalizeName('🐟'.repeat(63))).toBe('🐟'.repeat(63))
    expect(normalizeName('e\u0301'.repeat(64))).toBe('é'.repeat(64))
  })
})

describe('a password', () => {
  it('has the normal form that another implementation found', () => {
    expect(known.passwords.length).toBe(10)
    for (const one of known.passwords) expect([one.typed, normalizePassword(one.typed)]).toEqual([one.typed, one.normal])
  })

  it('keeps case, width and the spaces at its ends, unlike a name', () => {
    for (const password of [' a', 'a ', 'a  b', 'Ａ', 'ﬁ', 'A', '\u200d']) expect(normalizePassword(password)).toBe(password)
  })

  it('that is normal stays as it is, and any other text is refused with a reason', () => {
    const seen = new Set<string>()
    fc.assert(
      fc.property(typed, (text) => {
        const found = outcome(normalizePassword, text)
        seen.add(typeof found === 'string' ? found : 'normal')
        if (typeof found === 'string') {
          expect(found).toMatch(/^password\.(empty|long|characters)$/)
          return
        }
        expect(normalizePassword(found.normal)).toBe(found.normal)
        expect(normalizePassword(text.normalize('NFD'))).toBe(found.normal)
        expect(found.normal).not.toMatch(/[^\P{Zs} ]|\p{Cc}/u)
      }),
      { numRuns: 2_000 },
    )
    expect(seen.has('normal') && seen.has('password.characters')).toBe(true)
  })

  it('is refused with the reason', () => {
    const cases: [string, string][] = [
      ['', 'password.empty'],
      ['a\nb', 'password.characters'],
      ['a\tb', 'password.characters'],
      ['\u0085', 'password.characters'],
      ['\ud83d', 'password.characters'],
      ['\u0378', 'password.characters'],
      ['a'.repeat(PASSWORD_BYTES + 1), 'password.long'],
      ['é'.repeat(PASSWORD_BYTES / 2) + 'a', 'password.long'],
      ['e\u0301'.repeat(10_000), 'password.long'],
    ]
    for (const [text, code] of cases) expect([text.slice(0, 20), outcome(normalizePassword, text)]).toEqual([text.slice(0, 20), code])
    expect(normalizePassword('a'.repeat(PASSWORD_BYTES)).length).toBe(PASSWORD_BYTES)
    expect(normalizePassword('e\u0301'.repeat(PASSWORD_BYTES / 2))).toBe('é'.repeat(PASSWORD_BYTES / 2))
  })
})
