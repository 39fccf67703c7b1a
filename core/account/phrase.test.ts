import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isAppError } from '../base/errors.ts'
import { fromHex, type Bytes } from '../base/bytes.ts'
import { arbitraryBytes } from '../testkit/codec-contract.ts'
import { readVectors } from '../testkit/vectors.ts'
import { CONFIRM_RANDOM, confirmPositions, parsePhrase, PHRASE_TEXT, phraseWords, wrongAnswers } from './phrase.ts'

interface Official {
  readonly entropy: string
  readonly words: string
}

const { cases } = readVectors('account', 'bip39') as { cases: Official[] }
const words = (cases[4]?.words ?? '').split(' ')
const master = fromHex(cases[4]?.entropy ?? '')

/** The refusal's code and data, or 'accepted'; rethrows what is not a typed refusal. */
function refusalOf(text: string): unknown {
  try {
    parsePhrase(text)
    return 'accepted'
  } catch (error) {
    if (isAppError(error, 'invalid')) return { code: error.code, ...error.data }
    throw error
  }
}

const changed = (at: number, word: string): string => words.map((one, i) => (i === at ? word : one)).join(' ')

describe('a phrase', () => {
  it('is the one that BIP39 has for the master, and leads back to it', () => {
    expect(cases.length).toBe(8)
    for (const one of cases) {
      expect(phraseWords(fromHex(one.entropy)).join(' ')).toBe(one.words)
      expect(parsePhrase(one.words)).toEqual(fromHex(one.entropy))
    }
  })

  it('leads back to any master', () => {
    fc.assert(
      fc.property(arbitraryBytes(32), (bytes) => {
        expect(parsePhrase(phraseWords(bytes).join(' '))).toEqual(bytes)
      }),
    )
  })

  it('may be typed in any case, with numbers, lines, commas and white space as they come', () => {
    const numbered = words.map((word, i) => `${i + 1}. ${word}`)
    const forms = [
      words.join(' ').toUpperCase(),
      ` \n\t${words.join('  \r\n')}\u00a0`,
      numbered.join('\n'),
      words.map((word, i) => `${i + 1})${word}`).join(' '),
      words.map((word, i) => `${String(i + 1).padStart(2, '0')} ${word.slice(0, 1).toUpperCase()}${word.slice(1)}`).join('\n'),
      words.map((word, i) => `#${i + 1}: ${word};`).join(' '),
      words.join(', ') + '.',
      words.join('\u3000'),
      words.join('\u200b'),
      '\ufeff' + words.join(' '),
      words.join('-'),
      words.map((word) => `"${word}"`).join(' '),
    ]
    for (const form of forms) expect([form.slice(0, 20), parsePhrase(form)]).toEqual([form.slice(0, 20), master])
  })

  it('with a word that is not in the list is refused with the place of that word', () => {
    expect(refusalOf(changed(0, 'dignitty'))).toEqual({ code: 'phrase.word', position: 1 })
    expect(refusalOf(changed(23, 'exotc'))).toEqual({ code: 'phrase.word', position: 24 })
    expect(refusalOf(words.map((word, i) => `${i + 1}. ${i > 6 ? word + 'x' : word}`).join('\n'))).toEqual({ code: 'phrase.word', position: 8 })
    expect(refusalOf(changed(11, 'phóto'))).toEqual({ code: 'phrase.word', position: 12 })
    expect(refusalOf('dignity passs')).toEqual({ code: 'phrase.word', position: 2 })
  })

  it('with another number of words is refused with their number', () => {
    for (const count of [0, 1, 12, 15, 18, 21, 23]) expect(refusalOf(words.slice(0, count).join(' '))).toEqual({ code: 'phrase.count', count })
    expect(refusalOf([...words, 'zoo'].join(' '))).toEqual({ code: 'phrase.count', count: 25 })
    expect(refusalOf('1. 2. 3.')).toEqual({ code: 'phrase.count', count: 0 })
  })

  it('with a wrong word of the list, or two that changed places, is refused', () => {
    expect(refusalOf(changed(5, 'zoo'))).toEqual({ code: 'phrase.checksum' })
    expect(refusalOf([...words.slice(1), ...words.slice(0, 1)].join(' '))).toEqual({ code: 'phrase.checksum' })
    expect(refusalOf('abandon '.repeat(24))).toEqual({ code: 'phrase.checksum' })
  })

  it('is not looked for in more text than a kit can have', () => {
    expect(refusalOf(words.join(' ').padEnd(PHRASE_TEXT))).toBe('accepted')
    expect(refusalOf(words.join(' ').padEnd(PHRASE_TEXT + 1))).toEqual({ code: 'phrase.long' })
  })

  it('is what any text is, or the text is refused with a reason', () => {
    const pieces = fc.array(fc.oneof(fc.constantFrom(...words, '1.', '\n', '\u0301', '\ud800'), fc.string({ unit: 'binary' })), { maxLength: 30 })
    fc.assert(
      fc.property(fc.oneof(pieces.map((parts) => parts.join(' ')), fc.string({ unit: 'binary' })), (text) => {
        const refusal = refusalOf(text)
        if (refusal !== 'accepted') expect((refusal as { code: string }).code).toMatch(/^phrase\.(word|count|checksum|long)$/)
      }),
      { numRuns: 500 },
    )
  })

  it('is not made of a secret of another length', () => {
    for (const length of [0, 16, 31, 33]) {
      expect(() => phraseWords(new Uint8Array(length))).toThrow(expect.objectContaining({ kind: 'invalid', code: 'secret.length' }))
    }
  })
})

describe('the words to confirm', () => {
  it('are three different places in order, whatever the randomness', () => {
    fc.assert(
      fc.property(arbitraryBytes(CONFIRM_RANDOM), (random) => {
        const positions = confirmPositions(random)
        expect(positions.length).toBe(3)
        expect(new Set(positions).size).toBe(3)
        expect(positions).toEqual([...positions].sort((a, b) => a - b))
        expect(positions.every((one) => Number.isInteger(one) && one >= 1 && one <= 24)).toBe(true)
      }),
    )
  })

  it('can be any of the 24', () => {
    const seen = new Set<number>()
    for (let first = 0; first < 24; first++) {
      const random: Bytes = new Uint8Array(CONFIRM_RANDOM)
      random[3] = first
      for (const position of confirmPositions(random)) seen.add(position)
    }
    expect(seen.size).toBe(24)
    expect(() => confirmPositions(new Uint8Array(11))).toThrow(expect.objectContaining({ kind: 'bug' }))
  })

  it('are right in any case, and a wrong or missing one is named', () => {
    expect(wrongAnswers(master, [1, 12, 24], ['dignity', ' Photo ', '24. EXOTIC'])).toEqual([])
    expect(wrongAnswers(master, [1, 12, 24], ['dignity', 'phot', 'exotic'])).toEqual([12])
    expect(wrongAnswers(master, [1, 12, 24], ['exotic', 'photo', 'dignity'])).toEqual([1, 24])
    expect(wrongAnswers(master, [1, 12, 24], ['dignity pass', ''])).toEqual([1, 12, 24])
    expect(wrongAnswers(master, [1], [words.join(' ')])).toEqual([1])
  })
})
