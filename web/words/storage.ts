import type { PlainError } from '../../core/base/errors.ts'

/** What a person reads about an error. `advice` is empty when there is nothing to do but wait. */
export interface Explanation {
  readonly what: string
  readonly means: string
  readonly advice: string
}

export type Explain = (error: PlainError) => Explanation

/** An explanation that is the same whatever the error's data. */
export const say =
  (what: string, means: string, advice: string): Explain =>
  () => ({ what, means, advice })

/** By code: what goes wrong with storing, links, hosts, relays and downloads. */
export const STORAGE_WORDS: Readonly<Record<string, Explain>> = {
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
  'copies.full': say(
    'This device has too little room for what is to be kept on it',
    'What hosts hold is safe, and what is kept on this device already stays.',
    'Free some disk space, or keep less on this device. This page tries again by itself.',
  ),
  'copies.room': say('This browser does not grant that much room any more', 'The room for copies is as it was.', 'Choose less room.'),
  'copies.closed': say('This browser could not open its copies', 'Files on hosts are not affected, and open as ever while their hosts are there.', 'Reload the page.'),
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
