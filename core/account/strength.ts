import { ZxcvbnFactory } from '@zxcvbn-ts/core'
import { adjacencyGraphs, dictionary as common } from '@zxcvbn-ts/language-common'
import { dictionary as english } from '@zxcvbn-ts/language-en'

// Its dictionaries weigh 1.6 MB: nothing else in core/account imports this file, and whoever needs it loads it when a
// password is about to be chosen (`await import(…)`).

/** A hint in plain words. `code` is stable; `text` is what the page shows. */
export interface Advice {
  readonly code: AdviceCode
  readonly text: string
}

export interface Strength {
  /** 0 (guessed at once) to 4 (beyond guessing), as zxcvbn estimates it. */
  readonly score: 0 | 1 | 2 | 3 | 4
  /** Whether the score reaches `SCORE_NEEDED`. */
  readonly accepted: boolean
  /** Why it is refused; there whenever it is. */
  readonly reason: Advice | undefined
  /** What would make it better. */
  readonly advice: readonly Advice[]
}

/** With 3, guessing takes 10^8 tries and more; each of them costs an attacker 64 MiB and most of a second (locker.ts). */
export const SCORE_NEEDED = 3

/** UTF-16 units of a password that are looked at: the time grows with their square and beyond, and nobody needs more to be safe. */
const LOOKED_AT = 64
/** Of a name that is not yet normalised. */
const NAME_LOOKED_AT = 256
/** Shorter parts of a name stand in many good passwords. */
const PART = 3

const TEXTS = {
  'keyboard': 'Keys that lie next to each other are guessed early.',
  'repeat': 'Repeating the same characters or words adds next to nothing.',
  'sequence': 'Series such as "abc", "6543" or the days of the week are guessed early.',
  'date': 'Dates and years are guessed early, above all those of your own life.',
  'common': 'This is one of the passwords that are tried first.',
  'similar': 'This is close to a password that many people use.',
  'single-word': 'One word alone is guessed quickly.',
  'first-or-last-name': 'Names of people are guessed early.',
  'own-name': 'Your own name, or that of Shoal, is tried first.',
  'too-short': 'This is too short to withstand guessing.',
  'add-word': 'Add another word or two that few people would think of.',
  'several-words': 'Take four or more words that have nothing to do with each other.',
  'capitals-known': 'Capital letters where one expects them help little.',
  'swaps-known': 'Writing "@" for "a" or "0" for "o" helps little.',
  'reversed-known': 'Writing a word backwards helps little.',
  'symbols-not-needed': 'It needs no digits or symbols: length is what counts.',
} as const

export type AdviceCode = keyof typeof TEXTS

/** What zxcvbn calls its warnings and suggestions when it is given no translations. What repeats a warning is left out. */
const REASONS: Readonly<Record<string, AdviceCode>> = {
  straightRow: 'keyboard',
  keyPattern: 'keyboard',
  simpleRepeat: 'repeat',
  extendedRepeat: 'repeat',
  sequences: 'sequence',
  recentYears: 'date',
  dates: 'date',
  topTen: 'common',
  topHundred: 'common',
  common: 'common',
  similarToCommon: 'similar',
  wordByItself: 'single-word',
  namesByThemselves: 'first-or-last-name',
  commonNames: 'first-or-last-name',
  userInputs: 'own-name',
}
const SUGGESTIONS: Readonly<Record<string, AdviceCode>> = {
  anotherWord: 'add-word',
  useWords: 'several-words',
  noNeed: 'symbols-not-needed',
  capitalization: 'capitals-known',
  allUppercase: 'capitals-known',
  l33t: 'swaps-known',
  reverseWords: 'reversed-known',
}

/**
 * A meter for passwords, as typed or normalised, of the account `name` (which may be empty or not yet well-formed). Making it takes some
 * 0.1 s and much memory: make one. Asking it takes milliseconds, for hostile passwords up to half a second: ask it in a worker.
 */
export function strengthMeter(): (password: string, name: string) => Strength {
  const zxcvbn = new ZxcvbnFactory({ dictionary: { ...common, ...english }, graphs: adjacencyGraphs, maxLength: LOOKED_AT })
  return (password, name) => {
    const { score, feedback, sequence } = zxcvbn.check(password.slice(0, LOOKED_AT).normalize('NFC'), told(name))
    const accepted = score >= SCORE_NEEDED
    if (accepted) return { score, accepted, reason: undefined, advice: [] }
    // zxcvbn says so of the words of one of its dictionaries only.
    const otherwise = sequence.length === 1 && sequence[0]?.pattern === 'dictionary' ? 'single-word' : 'too-short'
    const reason = REASONS[feedback.warning ?? ''] ?? otherwise
    const better = feedback.suggestions.map((key) => SUGGESTIONS[key]).filter((code) => code !== undefined)
    return { score, accepted, reason: advice(reason), advice: [...new Set(better)].map(advice) }
  }
}

/** What an attacker tries first: the name, without its spaces, its parts, and the name of this place. */
function told(typed: string): string[] {
  const name = typed.slice(0, NAME_LOOKED_AT).normalize('NFKC').toLowerCase().trim()
  const parts = name.split(/[^\p{L}\p{M}\p{N}]+/u)
  const words = [name, parts.join(''), ...parts].filter((word) => word.length >= PART)
  return [...new Set([...words, 'shoal'])]
}

function advice(code: AdviceCode): Advice {
  return { code, text: TEXTS[code] }
}
