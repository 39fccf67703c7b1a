import { utf8 } from '../base/bytes.ts'
import { refined, text, type Codec } from './codec.ts'

/** Longest file name in UTF-8: what the usual file systems take. */
export const NAME_BYTES = 255

// Cc of Unicode: C0, DEL and C1.
const CONTROL = /\p{Cc}/u
/** The same, and the separator of paths. */
const FORBIDDEN = /[\p{Cc}/]/gu

/** Why a text is no file name: the code of an `AppError` `invalid`, and what to tell a developer. */
export interface NameFault {
  readonly code: 'name.empty' | 'name.dots' | 'name.slash' | 'name.control' | 'name.malformed' | 'name.long'
  readonly message: string
}

/** What is wrong with `name` as a file name, or `undefined`. */
export function nameFault(name: string): NameFault | undefined {
  if (name === '') return { code: 'name.empty', message: 'a name has at least one character' }
  if (name === '.' || name === '..') return { code: 'name.dots', message: 'a name is not . or .., which mean folders in a path' }
  if (name.includes('/')) return { code: 'name.slash', message: 'a name has no /, which separates folders in a path' }
  if (CONTROL.test(name)) return { code: 'name.control', message: 'a name has no control characters' }
  if (!name.isWellFormed()) return { code: 'name.malformed', message: 'a name has no half characters (lone surrogates)' }
  // A character of UTF-16 is three bytes of UTF-8 at most.
  const long = name.length > NAME_BYTES / 3 && utf8(name).length > NAME_BYTES
  return long ? { code: 'name.long', message: `a name has at most ${String(NAME_BYTES)} bytes in UTF-8` } : undefined
}

/** A name of 1 to 255 bytes, without `/` and control characters, and not `.` or `..`. */
export const fileName: Codec<string> = refined(text(NAME_BYTES), (name) => nameFault(name)?.message)

/**
 * The nearest name that `fileName` takes: forbidden characters become `_`, and the part before the extension is
 * shortened until all fits, at a whole character. `tail` (such as ` (2)`) goes before the extension.
 */
export function fitName(name: string, tail = ''): string {
  const clean = name.toWellFormed().replace(FORBIDDEN, '_')
  const dot = clean.lastIndexOf('.')
  // A leading dot is part of the name; a long tail behind a dot is no extension.
  const hasExtension = dot > 0 && utf8(clean.slice(dot)).length <= 32
  const extension = hasExtension ? clean.slice(dot) : ''
  const stem = hasExtension ? clean.slice(0, dot) : clean
  const fitted = shorten(stem, NAME_BYTES - utf8(tail + extension).length) + tail + extension
  return fitted === '' || fitted === '.' || fitted === '..' ? '_' + fitted : fitted
}

function shorten(stem: string, room: number): string {
  let kept = ''
  let left = room
  for (const character of stem) {
    left -= utf8(character).length
    if (left < 0) break
    kept += character
  }
  return kept
}

/** Longest path in UTF-8: folders some levels deep, while a long list stays small in memory. */
export const PATH_BYTES = 1024

/** One or more file names joined by `/`, of 1,024 bytes at most. */
export const filePath: Codec<string> = refined(text(PATH_BYTES), (path) => {
  const sound = path.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && utf8(part).length <= NAME_BYTES && !CONTROL.test(part))
  return sound ? undefined : 'not a path of file names'
})

/** The nearest path that `filePath` takes: each part as `fitName` makes it, `tail` in the last; outer folders go when it is too long. */
export function fitPath(path: string, tail = ''): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.' && part !== '..')
  const fitted = [...parts.slice(0, -1).map((part) => fitName(part)), fitName(parts.at(-1) ?? '', tail)]
  while (utf8(fitted.join('/')).length > PATH_BYTES) fitted.shift()
  return fitted.join('/')
}

/** The last part of a path: the name of the file itself. */
export function lastName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

const TYPE_BYTES = 127
// type "/" subtype, each a token (RFC 9110 section 8.3.1 and 5.6.2).
const ESSENCE = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+\/[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** A media type without parameters, or empty: it becomes a header of the download, so nothing else may pass. */
export const mediaType: Codec<string> = refined(text(TYPE_BYTES), (type) =>
  type === '' || ESSENCE.test(type) ? undefined : 'not a media type',
)

/** The media type in `type` without its parameters; empty when there is none that `mediaType` takes. */
export function fitType(type: string): string {
  const essence = (type.split(';')[0] ?? '').trim()
  return essence.length <= TYPE_BYTES && ESSENCE.test(essence) ? essence : ''
}
