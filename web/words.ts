import type { CodedBytes, CopiesState, Hosting, Note } from '../workers/contract.ts'
import type { AccountState, DeviceRow, Strength } from '../workers/contract-account.ts'
import type { EntryRow, EntryStatus } from '../workers/contract-drive.ts'
import type { ExportReport } from '../workers/contract-export.ts'
import type { PlainError } from '../core/base/errors.ts'
import { ACCOUNT_WORDS } from './words/account.ts'
import { DRIVE_WORDS } from './words/drive.ts'
import { say, STORAGE_WORDS, type Explain, type Explanation } from './words/storage.ts'

export type { Explanation } from './words/storage.ts'

/** Every sentence that depends on a state or an error, in one place. What happened; what it means; what to do. */

/** A screen or dialog did not arrive. */
export const LOAD_FAILED = 'This part of Shoal could not be loaded. Check your connection, then reload the page.'

/** What "relayed" in the status means. */
export const RELAYED = 'No direct way leads to relayed peers. They are reached through a relay, which carries little and slowly: enough for small files.'

const BY_CODE: Readonly<Record<string, Explain>> = { ...STORAGE_WORDS, ...DRIVE_WORDS, ...ACCOUNT_WORDS }

const BY_KIND: Readonly<Record<PlainError['kind'], Explain>> = {
  absent: say('It is not there', 'Everybody who was asked said so.', ''),
  corrupt: say('Damaged data was noticed', 'It was not used.', 'Try again.'),
  transient: say('Something on the way did not answer', 'Nothing is lost.', 'Try again in a moment.'),
  quota: say('There is no room left', 'Nothing that was stored is lost.', 'Free some space, then try again.'),
  denied: say('A host refused', 'Nothing is lost.', 'Try again later.'),
  aborted: say('It was cancelled', 'Nothing is lost.', ''),
  invalid: say('It is not in a form that can be read here', 'Nothing was changed.', 'A newer version of Shoal may be needed: reload the page.'),
  bug: ({ code }) => ({
    what: 'Shoal made a mistake',
    means: 'Nothing that was stored is affected.',
    advice: `Reload the page. If it stays, report “${code}”.`,
  }),
}

/** An error in words. */
export function explain(error: PlainError): Explanation {
  return (BY_CODE[error.code] ?? BY_KIND[error.kind])(error)
}

/** The state text of a row. */
export function statusText(status: EntryStatus): string {
  switch (status.kind) {
    case 'waiting':
      return 'Waiting for hosts'
    case 'storing':
      return `Storing ${String(status.percent)}%`
    case 'safe':
      return `Safe · survives ${String(status.survives)} of ${String(status.hosts)} hosts leaving`
    case 'stored':
      return 'Stored · survives no host leaving'
    case 'damaged':
      return 'Damaged'
    case 'failed':
      return `Failed: ${explain(status.error).what}`
    case 'elsewhere':
      return `Added on ${status.device ?? 'another device'}`
  }
}

/** What came of a copy into a folder of the computer. */
export function copyText({ folder, files, renamed, left }: ExportReport): string {
  const parts = [`${count(files, 'file')} copied into the new folder “${folder}”.`]
  if (renamed > 0) parts.push(`${count(renamed, 'name')} had to be changed, since other computers do not take them.`)
  if (left > 0) parts.push(`${count(left, 'file')} could not be copied: not stored yet, or the hosts that keep them cannot be reached now. Try again later.`)
  return parts.join(' ')
}

/** How far an entry is kept on this device. */
export function keptText({ percent }: NonNullable<EntryRow['kept']>): string {
  return percent === 100 ? 'Kept on this device' : `To be kept on this device: ${String(percent)}% is here`
}

/** A room for copies, as one of those to choose from. */
export function roomText(bytes: number): string {
  return bytes === 0 ? 'None' : bytesText(bytes)
}

/** What copies on this device take. */
export function copiesText({ cached, kept }: Pick<CopiesState, 'cached' | 'kept'>): string {
  return `${bytesText(cached)} of copies here${kept === 0 ? '' : `, and ${bytesText(kept)} that you keep on this device`}`
}

const NOTES: Readonly<Record<string, (data: Note['data']) => string>> = {
  'host.damaged': (data) => `${count(data['hosts'], 'host')} gave back damaged or missing pieces`,
  'kept.until': (data) => `Kept until ${dateText(Number(data['time']))}`,
  'link.unpublished': () => 'The link works once the network has taken it',
  'pieces.lost': (data) => `${String(data['found'])} of ${String(data['total'])} pieces are left; ${String(data['needed'])} are needed`,
}

/** A note of a row in words, or `undefined` for one that this version does not know. */
export function noteText(note: Note): string | undefined {
  return NOTES[note.code]?.(note.data)
}

/** What compressing and finding repeats spared of what was stored since the page was opened, in words; nothing where it is not worth saying. */
export function savedText({ read, fresh, compressed }: Pick<CodedBytes, 'read' | 'fresh' | 'compressed'>): string | undefined {
  const percent = read === 0 ? 0 : Math.floor(((read - compressed) / read) * 100)
  if (percent < 1) return undefined
  const repeats = read > fresh
  const shrunk = fresh > compressed
  return `${String(percent)} % saved by ${repeats ? 'finding repeats' : ''}${repeats && shrunk ? ' and ' : ''}${shrunk ? 'compressing' : ''}`
}

/** What this browser holds for others, in words. */
export function heldText({ used, guests }: Pick<Hosting, 'used' | 'guests'>): string {
  return used === 0 ? 'Holding nothing for others yet' : `Holding ${bytesText(used)} for others, ${String(guests)} connected`
}

const KEEP_OPEN = 'Keep this tab open: others reach what you hold only while it is open.'

/** What leaving the tab open does, and what goes on after hosting was switched off. */
export function hostingNote({ on }: Pick<Hosting, 'on'>): string {
  return on ? KEEP_OPEN : `Nothing new is taken. What was promised is still served. ${KEEP_OPEN}`
}

/** Why nothing can be shared. `quota`: the most the browser grants, in bytes, 0 while it is not known. */
export function noSpaceText(quota: number): string {
  if (quota === 0) return 'Asking the browser how much space it grants…'
  return 'This browser grants too little space: sharing begins at 1 GiB. Free some disk space, or leave a private window; this page looks again by itself.'
}

/** What went wrong with hosting; it is about what others left here, so the file words of `explain` would mislead. */
export function hostingProblemText(problem: PlainError): string {
  return `${explain(problem).what}. Others may not reach what you hold until this is over. This page tries again by itself; if it stays, reload it.`
}

/** Whether this browser was asked to keep its data, and what it said. */
export type Keeping = 'unasked' | 'kept' | 'refused'

const KEEPING: Readonly<Record<Keeping, string>> = {
  unasked: 'This browser may clear your list and what you hold when the disk runs short. It can be asked not to.',
  kept: 'Your list and what you hold stay, also when the disk runs short.',
  refused:
    'The browser did not agree: it may clear your list and what you hold when the disk runs short. Install Shoal as an app or bookmark it, then press Keep this data again.',
}

/** What it means for the data that the browser was asked, or not. */
export function keepText(keeping: Keeping): string {
  return KEEPING[keeping]
}

/** `3`, `host` → `3 hosts`. */
export function count(value: string | number | undefined, noun: string): string {
  const number = Number(value ?? 0)
  return `${String(number)} ${noun}${number === 1 ? '' : 's'}`
}

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** `1536` → `1.5 KiB`. */
export function bytesText(bytes: number): string {
  let value = bytes
  let unit = 0
  for (; value >= 1024 && unit < UNITS.length - 1; unit++) value /= 1024
  if (unit === 0) return bytes === 1 ? '1 byte' : `${String(bytes)} bytes`
  const digits = value < 10 ? 1 : 0
  return `${value.toFixed(digits).replace(/\.0$/, '')} ${UNITS[unit] ?? ''}`
}

/** `75` → `1 min 15 s left`. */
export function leftText(seconds: number): string {
  const whole = Math.max(1, Math.round(seconds))
  if (whole < 60) return `${String(whole)} s left`
  const minutes = Math.floor(whole / 60)
  if (minutes < 60) return `${String(minutes)} min ${String(whole % 60)} s left`
  return `${String(Math.floor(minutes / 60))} h ${String(minutes % 60)} min left`
}

/** Made once: to make one takes longer than to draw a row. */
const DAY = new Intl.DateTimeFormat()
const MINUTE = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })

/** The day of a time, as people here write it. */
export function dateText(time: number): string {
  return DAY.format(time)
}

/** Day and minute of a time, as people here write them. */
export function timeText(time: number): string {
  return MINUTE.format(time)
}

/** An error in one line. */
export function explainLine(error: PlainError): string {
  const { what, means, advice } = explain(error)
  return `${what}. ${means} ${advice}`.trim()
}

type Account = Extract<AccountState, { kind: 'account' }>

/** Whether hosts have what is in the drive of this device, and until when they keep it. */
export function syncText({ synced, unsafe, keptUntil }: Pick<Account, 'synced' | 'unsafe' | 'keptUntil'>): string {
  const kept = keptUntil === undefined ? '' : ` Your list of files is kept until ${dateText(keptUntil)}, and longer whenever one of your devices is online before; each file is kept 180 days from when it was stored.`
  if (synced) return `Everything of this device is with the hosts.${kept}`
  const waiting = unsafe === 0 ? 'The newest changes of this device are on their way to the hosts.' : `${count(unsafe, 'thing')} of this device ${unsafe === 1 ? 'is' : 'are'} not with the hosts yet.`
  return `${waiting}${kept}`
}

/** What is known of a device of the account. */
export function deviceText({ own, asked, seen }: Pick<DeviceRow, 'own' | 'asked' | 'seen'>): string {
  if (own) return 'this device'
  return asked ? `is signed out as soon as it is online; last seen ${timeText(seen)}` : `last seen ${timeText(seen)}`
}

/** What signing out would lose. */
export function lossText(unsafe: number): string {
  if (unsafe === 0) return 'Hosts have everything of this device: nothing is lost.'
  return `Hosts do not have all of ${count(unsafe, 'thing')} of this device yet: files being stored, or changes of your list. If you sign out now, ${unsafe === 1 ? 'it is' : 'they are'} lost.`
}

const SCORES = ['Very easy to guess', 'Easy to guess', 'Could be guessed', 'Hard to guess', 'Very hard to guess']

/** How hard a password is to guess, and why. */
export function strengthText({ score, accepted, reason }: Pick<Strength, 'score' | 'accepted' | 'reason'>): string {
  const verdict = `${SCORES[score] ?? ''}${accepted ? '' : ': too weak'}`
  return reason === undefined ? `${verdict}.` : `${verdict}. ${reason}`
}
