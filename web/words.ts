import type { CodedBytes, FileRow, FileStatus, Hosting } from '../workers/contract.ts'
import type { PlainError } from '../core/base/errors.ts'

/** Every sentence that depends on a state or an error, in one place. What happened; what it means; what to do. */

/** What "relayed" in the status means. */
export const RELAYED = 'No direct way leads to relayed peers. They are reached through a relay, which carries little and slowly: enough for small files.'

/** What a person reads about an error. `advice` is empty when there is nothing to do but wait. */
export interface Explanation {
  readonly what: string
  readonly means: string
  readonly advice: string
}

type Explain = (error: PlainError) => Explanation

const say =
  (what: string, means: string, advice: string): Explain =>
  () => ({ what, means, advice })

const BY_CODE: Readonly<Record<string, Explain>> = {
  'storage.full': say(
    'This device has no room left',
    'Nothing that was stored is lost. The file is not complete yet.',
    'Free some disk space, then press Try again.',
  ),
  'hosts.full': say(
    'The hosts have no room left',
    'What is stored stays stored. This file is not complete.',
    'Remove files you no longer need, or connect more hosts, then press Try again.',
  ),
  'hosts.refuse': say(
    'No host takes anything from this browser',
    'What is stored stays stored. This file is not complete.',
    'Try again later, or connect other hosts, then press Try again.',
  ),
  'host.full': say('A host has no room left', 'Another host is used instead.', ''),
  'file.changed': say(
    'The file was changed while it was being stored',
    'The stored part does not match it any more, so storing stopped.',
    'Remove this entry and add the file again.',
  ),
  'file.unreadable': say(
    'The file can no longer be read',
    'It was moved, deleted, or its disk was taken away. What is stored so far is kept.',
    'Add the same file again to go on.',
  ),
  'link.damaged': say(
    'This link is incomplete or was changed',
    'Every letter of it is needed.',
    'Copy the whole link again, or ask whoever sent it.',
  ),
  'link.gone': say('The owner has removed this file', 'Its pieces were deleted from the hosts.', 'Ask whoever sent the link to send the file anew.'),
  'link.absent': say(
    'Nobody here knows this link',
    'The hosts that answered do not have it. The file may have been removed, or its hosts may be away.',
    'Try again later, or ask the person who sent the link.',
  ),
  'link.unreachable': say(
    'The network did not answer',
    'The file may well be there; nobody could be asked.',
    'Check your connection. This page keeps trying.',
  ),
  'link.unpublished': say('This file has no link yet', 'It gets one when it is stored.', 'Wait until the file is stored.'),
  'chunk.too-few': ({ data }) => ({
    what: `Only ${String(data['found'] ?? 0)} of ${String(data['total'] ?? '?')} pieces were found; ${String(data['needed'] ?? '?')} are needed`,
    means: 'Some hosts are away or have lost their pieces. A host that comes back brings its pieces with it.',
    advice: 'Leave this page open: it tries again by itself. Or try later.',
  }),
  'chunk.damaged': say(
    'The pieces that came back do not fit together',
    'What arrived was not handed to you, because it is not your file.',
    'Try again: other hosts may have good pieces.',
  ),
  'relay.unreachable': say(
    'The relay does not answer',
    'Without a relay this page cannot find hosts. Files on hosts are not affected.',
    'Check your connection, or set another relay below. This page keeps trying.',
  ),
  'format.magic': say('This is not a Shoal list', 'Nothing was changed.', 'Choose the file that “Back up this list” saved.'),
  'format.version': say('This was written by a newer version of Shoal', 'Nothing was changed.', 'Reload the page to get the newest version, then try again.'),
  'backup.damaged': say('This backup is incomplete or was changed', 'It was not used, and your list is as it was.', 'Choose another copy of the backup.'),
  'storage.refused': say(
    'This browser window does not let Shoal keep anything',
    'That is usual in private windows. You can open links here, but not store files.',
    'Open Shoal in a normal window to store files.',
  ),
  'leader.lost': say(
    'The tab that was doing this is gone',
    'Another one went on in its place. This may be done, or not.',
    'Look at the list, and do it again if it is not there.',
  ),
  'leader.deposed': say('Another tab of Shoal went on in the place of this one', 'Nothing that was stored is lost.', 'Try again in a moment.'),
  'tab.waiting': say('Shoal is open in another tab', 'Only one tab of a browser stores at a time.', 'Use that tab, or close it: this one then takes over.'),
  'reader.only': say('This page only opens links', 'It keeps no list, so it cannot store files.', 'Open Shoal without a link, in a normal window.'),
  'meta.failed': say(
    'The browser could not read or write the list',
    'What hosts hold is safe. The last change may be missing from the list.',
    'Free some disk space if it is short, then reload the page.',
  ),
  'shard.io': say(
    'The disk of this device failed',
    'What hosts hold is safe. What was waiting on this device to be sent is not there yet.',
    'Reload the page, then press Try again.',
  ),
  'storage.failed': say('The disk of this device failed', 'What hosts hold is safe. This file is not complete.', 'Reload the page, then press Try again.'),
  'outbox.lost': say(
    'What was waiting to be sent is gone from this device',
    'The browser or somebody cleared it. This file is not complete on the hosts.',
    'Press Try again, then add the same file once more if this page asks for it.',
  ),
  'list.damaged': say(
    'The list of this browser is damaged',
    'A piece that belongs to this file is not in it, so the file cannot be put together from here. A link of it may still work.',
    'Restore a backup of the list, or remove this entry and add the file again.',
  ),
  'secret.unknown': say('The key of this file is not in this browser', 'Without it the file cannot be finished.', 'Restore the backup that this file came from.'),
  'kernel.unsupported': say('This browser cannot run the part of Shoal that encrypts', 'Nothing was sent.', 'Use a current Chrome, Edge, Firefox or Safari.'),
  'coder.crashed': say(
    'The part of Shoal that encrypts was stopped by the browser',
    'This happens when memory is short. Nothing that was stored is lost.',
    'Close other tabs, then press Try again.',
  ),
  'peer.crashed': say(
    'The part of Shoal that works in the background has stopped',
    'It could not be loaded, or the browser ended it. What was stored is not lost.',
    'Reload this page.',
  ),
  'coder.busy': say('This device is busy', 'Nothing is lost.', 'Try again in a moment.'),
  'share.hosts': say('This file lies on more hosts than a link can name', 'Its pieces are stored, but no link can be made.', 'Remove this entry and add the file again.'),
  'object.large': say('This file is too large for one link', 'Its pieces are stored, but no link can be made.', 'Add it in several parts.'),
  'link.ended': say('The link of this file was taken back', 'The file was removed on another device or before the backup was restored. A link that was taken back never opens again.', 'Remove this entry and add the file again.'),
  'share.damaged': say('What this link leads to is damaged', 'It was not used.', 'Ask the person who sent the link for a new one.'),
  'hosts.none': say('No host took it', 'Nothing is lost.', 'This page keeps trying.'),
  'hosts.busy': say('Too many hosts are in use at once', 'Nothing is lost.', 'Try again in a moment.'),
  'host.resting': say('A host failed a moment ago', 'It is left alone for a while, then asked again.', ''),
  'host.busy': say('A host is busy', 'Nothing is lost.', 'Try again in a moment.'),
  'host.stalled': say('A host does not answer', 'Nothing is lost.', 'This page keeps trying.'),
  'lane.spent': say(
    'The relay carries no more than this at once',
    'Nothing that was stored is lost. No direct way leads to this host, and a relay carries only small files.',
    'Leave this page open: it tries again by itself. Another network may lead there directly.',
  ),
  'peer.unreachable': say('A host cannot be reached', 'Its pieces come back when it does.', 'Leave this page open: it tries again by itself.'),
  'file.storing': say('This file is still being stored', 'It can be downloaded once it is stored.', 'Wait until its state says Safe or Stored.'),
  'file.absent': say('This file is no longer in the list', 'It was removed, perhaps in another tab.', ''),
  'download.unready': say('The browser did not start what downloads need', 'The file is not affected.', 'Reload the page, and allow this site to keep data.'),
  'download.unasked': say('The browser did not begin the download', 'The file is not affected.', 'Allow downloads for this site, reload the page, and try again.'),
  'download.lost': say('The tab that sends this file is gone', 'The saved file is not complete.', 'Open Shoal again and start the download anew.'),
  'download.length': say('The file ended too early', 'What was saved is not complete, so the browser marks it as failed.', 'Start the download anew.'),
  'download.unknown': say('This download is over', 'The file is not affected.', 'Start the download anew.'),
  'clipboard.refused': say('The browser did not let the link be copied', 'The link itself works.', 'Click into the page, allow it to use the clipboard, and press Copy link again.'),
  'hosting.space': say('This browser does not grant that much space any more', 'What you share is as it was.', 'Choose a smaller space to share.'),
  'vault.damaged': say(
    'The index of what is held for others is damaged',
    'Your own files on hosts are not affected.',
    'Reload the page. If it stays, save a backup of your list.',
  ),
  'relay.url': say('This is not the address of a relay', 'The relays are as they were.', 'An address looks like https://relay.example.'),
  'relay.too-many': say('These are too many relays', 'The relays are as they were.', 'Remove one first.'),
  'relay.malformed': say('What answers there is not a relay', 'Files on hosts are not affected.', 'Check the address of the relay.'),
  'relay.version': say('This relay runs another version of Shoal', 'Files on hosts are not affected.', 'Reload the page, or use another relay.'),
}

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
export function statusText(status: FileStatus): string {
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
  }
}

type Note = FileRow['notes'][number]

const NOTES: Readonly<Record<string, (data: Note['data']) => string>> = {
  'host.damaged': (data) => `${count(data['hosts'], 'host')} gave back damaged or missing pieces`,
  'kept.until': (data) => `Kept until ${new Date(Number(data['time'])).toLocaleDateString()}`,
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

function count(value: string | number | undefined, noun: string): string {
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
