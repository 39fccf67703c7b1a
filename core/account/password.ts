import { AppError } from '../base/errors.ts'
import { utf8 } from '../base/bytes.ts'

/** Longest password once normalised, in UTF-8: no person reaches it, and Argon2id reads it in no time. */
export const PASSWORD_BYTES = 1024
/** UTF-16 units that are looked at at all; NFC can shorten. */
const TYPED = 4096

/**
 * The one form of a password, after OpaqueString (RFC 8265 section 4.2; docs/formats/account.md 2). Throws `invalid`
 * `password.empty`, `password.long`, `password.characters`.
 */
export function normalizePassword(typed: string): string {
  if (typed === '') throw refused('password.empty', 'a password is empty')
  if (typed.length > TYPED) throw refused('password.long', 'a password is too long')
  const password = typed.replace(/\p{Zs}/gu, ' ').normalize('NFC')
  // What is unassigned for this engine it cannot normalise: another one would make other bytes of it.
  if (!typed.isWellFormed() || /[\p{Cc}\p{Cn}]/u.test(password)) throw refused('password.characters', 'a password with control or unknown characters')
  if (utf8(password).length > PASSWORD_BYTES) throw refused('password.long', 'a password is too long')
  return password
}

function refused(code: string, message: string): AppError {
  return new AppError('invalid', code, message)
}
