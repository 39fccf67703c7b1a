import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isAppError } from '../base/errors.ts'
import { fromHex } from '../base/bytes.ts'
import { arbitraryBytes } from '../testkit/codec-contract.ts'
import { formatKit, parseKit, type RecoveryKit } from './kit.ts'
import { normalizeName } from './name.ts'
import { parsePhrase, PHRASE_TEXT } from './phrase.ts'

const kit: RecoveryKit = {
  master: fromHex('3e141609b97933b66a060dcddc71fad1d91677db872031e85f4c015c5e7e8982'),
  name: 'ada lovelace',
  made: '2026-11-27',
  address: 'https://shoal.example/',
}

const BLOCK = [
  ' 1. dignity    2. pass       3. list       4. indicate',
  ' 5. nasty      6. swamp      7. pool       8. script',
  ' 9. soccer    10. toe       11. leaf      12. photo',
  '13. multiply  14. desk      15. host      16. tomato',
  '17. cradle    18. drill     19. spread    20. actor',
  '21. shine     22. dismiss   23. champion  24. exotic',
].join('\n')

const names = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  .filter((name) => {
    try {
      return normalizeName(name) !== ''
    } catch {
      return false
    }
  })
  .map(normalizeName)

const kits: fc.Arbitrary<RecoveryKit> = fc.record({
  master: arbitraryBytes(32),
  name: fc.option(names, { nil: undefined }),
  made: fc.date({ min: new Date(0), max: new Date('2200-01-01'), noInvalidDate: true }).map((date) => date.toISOString().slice(0, 10)),
  address: fc.webUrl({ validSchemes: ['http', 'https'] }).filter((url) => url.length < 500),
})

describe('a recovery kit', () => {
  it('has the words in numbered columns, and says the name, the date and where to go', () => {
    const text = formatKit(kit)
    expect(text).toContain(`\n${BLOCK}\n`)
    expect(text).toContain('\nName: ada lovelace\nMade: 2026-11-27\nOpen: https://shoal.example/\n')
    expect(text.split('\n').every((line) => line.length <= 80)).toBe(true)
    expect(formatKit({ ...kit, name: undefined })).not.toContain('Name:')
  })

  it('is read back as it was written', () => {
    fc.assert(
      fc.property(kits, (one) => {
        expect(parseKit(formatKit(one))).toEqual(one)
      }),
    )
  })

  it('is read with the line ends of Windows, spaces at the ends of lines, and text around it', () => {
    const text = formatKit(kit)
    expect(parseKit(text.replaceAll('\n', '  \r\n'))).toEqual(kit)
    expect(parseKit(`Dear diary, on the 2. of May, 3.14 and\n1) found this:\n${text}\n1. zoo`)).toEqual(kit)
  })

  it('is not led astray by numbers in the name or the address', () => {
    const one = { ...kit, name: '1. zoo 2. zoo', address: 'http://localhost:8484/1.zoo/2.zoo' }
    expect(parseKit(formatKit(one))).toEqual(one)
  })

  it('gives its words even when all else was lost', () => {
    const bare = { master: kit.master, name: undefined, made: undefined, address: undefined }
    expect(parseKit(BLOCK)).toEqual(bare)
    expect(parseKit(`Name: \u202eevil\nMade: yesterday\nOpen: javascript:alert(1)\n${BLOCK}`)).toEqual(bare)
  })

  it('has a block of words that a phrase can be pasted from', () => {
    expect(parsePhrase(BLOCK)).toEqual(kit.master)
    fc.assert(
      fc.property(arbitraryBytes(32), (master) => {
        const text = formatKit({ ...kit, master })
        const block = text.slice(text.indexOf(' 1. '), text.indexOf('How to get'))
        expect(parsePhrase(block)).toEqual(master)
      }),
    )
  })

  it('without all its words, or with changed ones, is refused with the reason', () => {
    const text = formatKit(kit)
    const cases: [string, unknown][] = [
      ['', { code: 'kit.words', data: { count: 0 } }],
      [text.replace('15. host', ''), { code: 'kit.words', data: { count: 14 } }],
      [text.replace('15. host', '15. hosts'), { code: 'phrase.word', data: { position: 15 } }],
      [text.replace('15. host', '15. zoo'), { code: 'phrase.checksum' }],
      [text.padEnd(PHRASE_TEXT + 1), { code: 'phrase.long' }],
    ]
    for (const [damaged, refusal] of cases) expect(() => parseKit(damaged)).toThrow(expect.objectContaining({ kind: 'invalid', ...(refusal as object) }))
  })

  it('is what any text is, or the text is refused with a reason', () => {
    const text = formatKit(kit)
    const edits = fc.tuple(fc.nat(text.length), fc.nat(40), fc.string({ unit: 'binary', maxLength: 20 }))
    const edited = edits.map(([at, cut, put]) => text.slice(0, at) + put + text.slice(at + cut))
    let refused = 0
    fc.assert(
      fc.property(fc.oneof(edited, fc.string({ unit: 'binary' })), (any) => {
        try {
          expect(parseKit(any).master.length).toBe(32)
        } catch (error) {
          if (!isAppError(error, 'invalid')) throw error
          refused++
          expect(error.code).toMatch(/^(kit\.words|phrase\.(word|checksum|long))$/)
        }
      }),
      { numRuns: 500 },
    )
    expect(refused).toBeGreaterThan(0)
  })

  it('is not written with what it could not be read with', () => {
    const bug = { kind: 'bug', code: 'kit.unencodable' }
    for (const made of ['27.11.2026', '', '2026-11-27\nOpen: https://evil.example/']) expect(() => formatKit({ ...kit, made })).toThrow(expect.objectContaining(bug))
    for (const address of ['shoal.example', 'https://a b', 'https://a\n1. zoo', '']) expect(() => formatKit({ ...kit, address })).toThrow(expect.objectContaining(bug))
    expect(() => formatKit({ ...kit, master: new Uint8Array(31) })).toThrow(expect.objectContaining({ code: 'secret.length' }))
    expect(() => formatKit({ ...kit, name: 'a\u202eb' })).toThrow(expect.objectContaining({ code: 'name.characters' }))
  })
})
