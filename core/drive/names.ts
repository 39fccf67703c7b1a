import { AppError } from '../base/errors.ts'
import { fitName, nameFault } from '../formats/file-name.ts'

const ASCII = /^[\x20-\x7e]*$/
const MARKS = /\p{M}/gu

/** Shown for an entry whose name is not there (yet). */
export const UNNAMED = 'unnamed'

/** What names of one folder must differ in (docs/formats/drive.md 3.6): alike names have the same. */
export function alikeKey(name: string): string {
  if (ASCII.test(name)) return name.toLowerCase()
  // Upper case first: it unfolds letters such as ß that lower case alone leaves apart from SS.
  return name.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC')
}

/** What a search looks at: without case and accents. */
export function searchKey(name: string): string {
  return ASCII.test(name) ? name.toLowerCase() : alikeKey(name).normalize('NFD').replace(MARKS, '')
}

/** The name to show for a value of the document, whatever it is. */
export function shownOf(value: unknown): string {
  if (typeof value !== 'string') return UNNAMED
  return nameFault(value) === undefined ? value : fitName(value)
}

/** Throws `invalid` `name.*` unless `name` is a file name. */
export function checkName(name: string): void {
  const fault = nameFault(name)
  if (fault !== undefined) throw new AppError('invalid', fault.code, fault.message)
}

/** `name`, or the first `name (2)`, `name (3)` … before the extension, that `taken` does not have; with the number to go on from. */
export function freeName(name: string, taken: (key: string) => boolean, from = 2): { name: string; next: number } {
  for (let number = from; ; number++) {
    const candidate = fitName(name, ` (${String(number)})`)
    if (!taken(alikeKey(candidate))) return { name: candidate, next: number + 1 }
  }
}
