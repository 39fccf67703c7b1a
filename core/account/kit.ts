import { AppError } from '../base/errors.ts'
import type { Bytes } from '../base/bytes.ts'
import { NAME_BYTES, normalizeName } from './name.ts'
import { parsePhrase, PHRASE_TEXT, PHRASE_WORDS, phraseWords } from './phrase.ts'

/** What a recovery kit says (docs/formats/account.md 5). Holds the master: never log or send it. */
export interface RecoveryKit {
  readonly master: Bytes
  /** As `normalizeName` gives it. */
  readonly name: string | undefined
  /** `YYYY-MM-DD`, on the person's calendar. */
  readonly made: string
  /** Where the app is opened: a URL. */
  readonly address: string
}

const DATE = /^\d{4}-\d{2}-\d{2}$/
const ADDRESS = /^https?:\/\/[\x21-\x7e]{1,500}$/
const PER_LINE = 4
/** Number, dot, space and the longest word of 8 letters, and two spaces between columns. */
const COLUMN = 14

/** The kit as text to print or keep. Throws `invalid` `secret.length` or `name.*`, and `bug` `kit.unencodable` for another date or address. */
export function formatKit({ master, name, made, address }: RecoveryKit): string {
  if (!DATE.test(made) || !ADDRESS.test(address)) throw new AppError('bug', 'kit.unencodable', 'a date or address that no kit has')
  const named = name === undefined ? [] : [`Name: ${normalizeName(name)}`]
  return [
    'Shoal recovery kit',
    '==================',
    '',
    ...named,
    `Made: ${made}`,
    `Open: ${address}`,
    '',
    'These 24 words open everything you keep in Shoal:',
    '',
    ...block(phraseWords(master)),
    '',
    'How to get everything back',
    '--------------------------',
    '- Open the address above in any browser, on any computer or phone.',
    '- Choose to sign in with the 24 words.',
    '- Type the words in this order, or paste them all at once.',
    '- Choose a new name and password if you no longer know the old ones.',
    'Your files then come back by themselves, as fast as those who keep them',
    'can be reached. If that address is gone, try Shoal at any other address.',
    '',
    'Keep this safe',
    '--------------',
    '- Whoever reads these words can read, change and remove all your files.',
    '- Print this or write it down, and keep it where you keep your papers.',
    '- Do not send it to anybody. Nobody from Shoal will ever ask for it.',
    '- If you lose this kit, your password and every device that is signed in,',
    '  nobody can help: there is no copy anywhere.',
    '',
  ].join('\n')
}

function block(words: readonly string[]): string[] {
  const cells = words.map((word, i) => `${String(i + 1).padStart(2)}. ${word}`.padEnd(COLUMN))
  const lines: string[] = []
  for (let i = 0; i < cells.length; i += PER_LINE) lines.push(cells.slice(i, i + PER_LINE).join('').trimEnd())
  return lines
}

/** What `parseKit` finds; a date, name or address that is missing or was damaged is `undefined`, for the words are what counts. */
export interface FoundKit {
  readonly master: Bytes
  readonly name: string | undefined
  readonly made: string | undefined
  readonly address: string | undefined
}

/** Reads a kit. Throws `invalid`: `kit.words` when its 24 numbered words are not there, `phrase.*` of those words. */
export function parseKit(text: string): FoundKit {
  if (text.length > PHRASE_TEXT) throw new AppError('invalid', 'phrase.long', 'too much text for a kit')
  const master = parsePhrase(numbered(text).join(' '))
  const made = field(text, 'Made')
  const address = field(text, 'Open')
  return {
    master,
    name: soundName(field(text, 'Name')),
    made: made !== undefined && DATE.test(made) ? made : undefined,
    address: address !== undefined && ADDRESS.test(address) ? address : undefined,
  }
}

/** The words behind the numbers 1 to 24, in this order, from the last 1 before they are complete; any other number is passed over. */
function numbered(text: string): string[] {
  let words: string[] = []
  for (const [, number, word] of text.matchAll(/(?<![\p{L}\p{N}])(\d{1,2})[.)]\s*(\p{L}+)/gu)) {
    // What stands before the block, such as a name, may begin with a number too.
    if (Number(number) === 1 && words.length < PHRASE_WORDS) words = []
    if (Number(number) === words.length + 1) words.push(word ?? '')
  }
  if (words.length !== PHRASE_WORDS) throw new AppError('invalid', 'kit.words', 'the 24 numbered words are not there', { data: { count: words.length } })
  return words
}

function field(text: string, label: string): string | undefined {
  return new RegExp(`^${label}: (\\S.{0,${String(4 * NAME_BYTES)}})$`, 'mu').exec(text.replaceAll('\r', ''))?.[1]?.trimEnd()
}

function soundName(name: string | undefined): string | undefined {
  if (name === undefined) return undefined
  try {
    return normalizeName(name)
  } catch {
    return undefined
  }
}
