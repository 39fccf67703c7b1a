import { entropyToMnemonic, mnemonicToEntropy } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { AppError } from '../base/errors.ts'
import { own, type Bytes } from '../base/bytes.ts'
import { SECRET } from './keys.ts'

/** Words of a phrase: 256 bits and 8 of checksum, 11 in each. */
export const PHRASE_WORDS = 24

/** UTF-16 units of text in which a phrase is looked for: a whole recovery kit is an eighth of it. */
export const PHRASE_TEXT = 16_384

/** Words that a person is asked for, to show that the phrase was written down. */
export const CONFIRMED = 3

/** Random bytes that the choice of these words takes. */
export const CONFIRM_RANDOM = 4 * CONFIRMED

const WORDS: ReadonlySet<string> = new Set(wordlist)

/** The 24 words of a master: it is the BIP39 entropy, not what BIP39 stretches from a phrase. Throws `invalid` `secret.length`. */
export function phraseWords(master: Bytes): string[] {
  if (master.length !== SECRET) throw new AppError('invalid', 'secret.length', 'a secret has 32 bytes', { data: { length: master.length } })
  return entropyToMnemonic(master, wordlist).split(' ')
}

/**
 * The master of a phrase, in any case, with any white space, numbering and punctuation between the words (docs/formats/account.md 1).
 * Throws `invalid`: `phrase.long`, `phrase.word` (`position` of the first word that is not in the list, from 1), `phrase.count`
 * (`count` words), `phrase.checksum` (all are words, but not these or not in this order).
 */
export function parsePhrase(text: string): Bytes {
  if (text.length > PHRASE_TEXT) throw refused('phrase.long', 'too much text for a phrase')
  const words = wordsIn(text)
  const strange = words.findIndex((word) => !WORDS.has(word))
  if (strange >= 0) throw refused('phrase.word', 'a word that is not in the list', { position: strange + 1 })
  if (words.length !== PHRASE_WORDS) throw refused('phrase.count', 'a phrase has 24 words', { count: words.length })
  try {
    return own(mnemonicToEntropy(words.join(' '), wordlist))
  } catch (cause) {
    throw new AppError('invalid', 'phrase.checksum', 'the words do not belong together', { cause })
  }
}

/** Three different positions of a phrase (1 to 24), in ascending order, chosen by `CONFIRM_RANDOM` random bytes. */
export function confirmPositions(random: Bytes): number[] {
  if (random.length !== CONFIRM_RANDOM) throw new AppError('bug', 'random.length', 'the choice takes 12 random bytes')
  const view = new DataView(random.buffer, random.byteOffset, random.byteLength)
  const left = Array.from({ length: PHRASE_WORDS }, (_, i) => i + 1)
  const chosen: number[] = []
  // 32 bits for one of at most 24: the remainder favours none by more than 2^-27.
  for (let i = 0; i < CONFIRMED; i++) chosen.push(...left.splice(view.getUint32(4 * i) % left.length, 1))
  return chosen.sort((a, b) => a - b)
}

/** Those of `positions` (from 1) whose answer is not the master's word there; none when all are right. Case and what stands around a word do not matter. */
export function wrongAnswers(master: Bytes, positions: readonly number[], answers: readonly string[]): number[] {
  const words = phraseWords(master)
  return positions.filter((position, i) => {
    const given = wordsIn((answers[i] ?? '').slice(0, PHRASE_TEXT))
    return given.length !== 1 || given[0] !== words[position - 1]
  })
}

function wordsIn(text: string): string[] {
  return text.normalize('NFKC').toLowerCase().match(/[\p{L}\p{M}]+/gu) ?? []
}

function refused(code: string, message: string, data: Readonly<Record<string, number>> = {}): AppError {
  return new AppError('invalid', code, message, { data })
}
