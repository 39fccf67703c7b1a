import { say, type Explain } from './storage.ts'

const AGAIN = 'Choose another name.'

/** By code: what goes wrong with names, folders, versions and the trash. Names of accounts share the codes of names. */
export const DRIVE_WORDS: Readonly<Record<string, Explain>> = {
  'name.empty': say('A name is needed', 'Nothing was changed.', 'Type at least one character.'),
  'name.dots': say('A name cannot be . or ..', 'These mean folders in a path. Nothing was changed.', AGAIN),
  'name.slash': say('A name cannot have a / in it', 'It separates folders in a path. Nothing was changed.', AGAIN),
  'name.control': say('The name has characters that cannot be seen', 'Nothing was changed.', 'Type the name anew instead of pasting it.'),
  'name.malformed': say('The name has broken characters', 'Nothing was changed.', 'Type the name anew instead of pasting it.'),
  'name.long': say('The name is too long', 'Nothing was changed.', 'Choose a shorter name.'),
  'name.characters': say('The name has characters that cannot be seen', 'Nothing was changed.', 'Type the name anew instead of pasting it.'),
  'name.taken': say('Something in this folder has that name already', 'Capital and small letters count as the same. Nothing was changed.', AGAIN),
  'entry.absent': say('It is not there any more', 'It was removed for good, perhaps on another device.', ''),
  'entry.trashed': say('It is in the trash', 'Nothing was changed.', 'Restore it from the trash first.'),
  'entry.kind': say('This does not work with a folder', 'Nothing was changed.', 'Choose a file, or open the folder.'),
  'move.cycle': say('A folder cannot be moved into itself', 'Nothing was moved.', 'Choose a folder outside of it.'),
  'version.absent': say('This version is not there any more', 'Versions are kept for a time only; the current one is not affected.', 'Choose another version.'),
  'version.large': say('This file has too many pieces', 'It was not added.', 'Add it in several parts.'),
  'days.range': say('That is not a number of days', 'The setting is as it was.', 'Type a whole number from 1 to 3650.'),
  'drive.damaged': say('The list of your files was damaged on the way', 'What was damaged was not used.', 'This page tries again by itself. If it stays, sign in again on this device.'),
  'drive.large': say('The list of your files is too large for this version of Shoal', 'Nothing was changed.', 'Remove files you no longer need and empty the trash.'),
  'drive.segments': say('The list of your files did not arrive whole', 'What arrived was not used.', 'This page tries again by itself.'),
  'head.damaged': say('What another device wrote was damaged on the way', 'It was not used.', 'This page tries again by itself.'),
  'head.gone': say('Another device was signed out', 'What it stored stays in your files.', ''),
  'head.unreachable': say('Nobody who keeps the list of another device can be reached', 'Its newest changes are missing here for now.', 'This page tries again by itself.'),
  'head.taken': say('This browser was copied, and the copy went on in its place', 'Nothing that was stored is lost.', 'Reload the page.'),
  'device.unknown': say('This device is not known any more', 'Nothing was changed.', 'It may have signed out already.'),
  'device.index': say('This account has too many devices', 'Nothing was changed.', 'Sign out on a device that you no longer use.'),
  'file.pending': say('This file is not stored whole yet', 'Nothing is lost.', 'Wait until its state says Safe or Stored.'),
  'export.running': say('Your files are being copied already', 'Nothing was changed.', 'Wait until that copy is done, or cancel it.'),
  'export.refused': say('The browser may not write into this folder', 'Nothing of your files in Shoal is affected.', 'Choose another folder, or allow it when the browser asks.'),
  'export.full': say('There is no room left on this computer', 'The files copied so far are whole. Nothing of your files in Shoal is affected.', 'Free some space, then export again.'),
  'export.lost': say('The folder cannot be written any more', 'The files copied so far are whole. Nothing of your files in Shoal is affected.', 'Check that the folder is still there, then export again.'),
}
