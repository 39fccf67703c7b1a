import { AppError } from '../base/errors.ts'
import { utf8 } from '../base/bytes.ts'

/** Longest name once normalised, in code points: as long as a person will type. */
export const NAME_POINTS = 64
/** And in UTF-8. */
export const NAME_BYTES = 255
/** UTF-16 units that are looked at at all: one of them can become 18 in NFKC. */
const TYPED = 1024

/** Lower case can undo NFKC and the other way round; two rounds settle all known text, and more would hang on none. */
const ROUNDS = 4

// General category C: control, format, surrogate, private use, unassigned. What is unassigned for this engine it cannot normalise.
const UNSEEN = /[\p{C}\p{Default_Ignorable_Code_Point}]/u

/**
 * The one form of a name that accounts are found by (docs/formats/account.md 2), of 1 to 64 code points. Throws `invalid`
 * `name.empty`, `name.long`, `name.characters`.
 */
export function normalizeName(typed: string): string {
  if (typed.length > TYPED) throw refused('name.long', 'a name is too long')
  if (!typed.isWellFormed()) throw unseen()
  const name = settle(typed)
  if (name === '') throw refused('name.empty', 'a name is empty')
  if (UNSEEN.test(name)) throw unseen()
  if (Array.from(name).length > NAME_POINTS || utf8(name).length > NAME_BYTES) throw refused('name.long', 'a name is too long')
  return name
}

function settle(typed: string): string {
  let name = typed
  for (let round = 0; round < ROUNDS; round++) {
    const next = step(name)
    if (next === name) return name
    name = next
  }
  return name
}

function step(name: string): string {
  // `toLowerCase` knows no locale; its one rule about context is undone, so that ΟΔΟΣ and οδοσ are one name.
  const lower = name.normalize('NFKC').toLowerCase().replaceAll('ς', 'σ')
  return lower.replace(/\p{White_Space}+/gu, ' ').replace(/^ | $/g, '')
}

function refused(code: string, message: string): AppError {
  return new AppError('invalid', code, message)
}

function unseen(): AppError {
  return refused('name.characters', 'a name with characters that cannot be seen')
}
