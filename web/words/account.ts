import { say, type Explain } from './storage.ts'

const ASIS = 'Nothing was changed.'

/** By code: what goes wrong with accounts, passwords and recovery phrases. */
export const ACCOUNT_WORDS: Readonly<Record<string, Explain>> = {
  'account.unknown': say(
    'The name or the password is wrong',
    'No account answers to the two together.',
    'Type both again. Capital letters count in the password, not in the name. Or use the recovery phrase.',
  ),
  'account.closed': say(
    'The name or the password of this account was changed',
    'What you typed was right once, and opens nothing any more.',
    'Use the new name and password, or the recovery phrase.',
  ),
  'account.taken': say('This name and password are in use, or were before', ASIS, 'Choose another name or another password.'),
  'account.signed-in': say('This browser has an account open already', ASIS, 'Sign out first, if you want to use another one.'),
  'account.absent': say('No account is open in this browser', ASIS, 'Create an account or sign in.'),
  'record.unreachable': say(
    'The network cannot be reached',
    'Nothing is known about the name or the password: they may well be right.',
    'Check your connection, then try again.',
  ),
  'record.absent': say('The network has nothing of this account', ASIS, 'Check your connection, then try again.'),
  'record.ended': say('This was ended on another device', ASIS, 'Sign in again.'),
  'record.older': say('Another device has written something newer', ASIS, 'Try again in a moment.'),
  'record.unpublished': say('No host took it', 'Nothing is lost.', 'This page keeps trying.'),
  'locker.damaged': say('What opens this account is damaged where it is kept', 'It was not used. Your files are not affected.', 'Try again later, or use the recovery phrase.'),
  'password.weak': say('This password is too easy to guess', 'Whoever guesses it can read and remove all your files.', 'Make it longer: four words that do not belong together are good.'),
  'password.empty': say('A password is needed', ASIS, 'Type your password.'),
  'password.long': say('The password is too long', ASIS, 'Choose a shorter one.'),
  'password.characters': say('The password has characters that cannot be used', ASIS, 'Type it anew instead of pasting it.'),
  'phrase.word': ({ data }) => ({
    what: `Word ${String(data['position'] ?? '?')} is not one of the words that recovery phrases are made of`,
    means: 'It may be misspelled.',
    advice: 'Compare it with what you wrote down.',
  }),
  'phrase.count': ({ data }) => ({
    what: `A recovery phrase has 24 words; these are ${String(data['count'] ?? 'not')}`,
    means: 'Every word is needed.',
    advice: 'Look for a word that is missing, or one that is there twice.',
  }),
  'phrase.checksum': say('These words do not belong together', 'Each is a possible word, but one is wrong, or two have changed places.', 'Compare them with what you wrote down.'),
  'phrase.long': say('This is too much text for a recovery phrase', 'It has 24 words.', 'Paste only the words, or the recovery kit.'),
  'kit.words': say('The 24 words are not in this text', 'Nothing was changed.', 'Paste the whole recovery kit, or type the words.'),
  'account.storing': say('Files are still being stored in this browser', 'Signing in starts Shoal anew, which would cut them short. Nothing was changed.', 'Wait until they are stored, or cancel them, then sign in.'),
  'account.none': say('No account is open in this browser', ASIS, 'Sign in first.'),
  'account.crashed': say('The part of Shoal that checks passwords was stopped by the browser', ASIS, 'Close other tabs and programs, then try again.'),
  'strength.unavailable': say('How good the password is cannot be told now', ASIS, 'Check your connection, then try again.'),
  'peer.restarting': say('Shoal is starting anew', ASIS, 'Try again in a moment.'),
  'head.index': say('This device has no number in the account yet', 'Nothing is lost: the changes of this device are kept here.', 'Leave this page open: it tries again by itself.'),
  'head.unsettled': say('This device is not sure of its number in the account yet', 'Nothing is lost: the changes of this device are kept here.', 'Leave this page open: it tries again by itself.'),
  'memory.short': say('This device has too little memory free to check a password', ASIS, 'Close other tabs and programs, then try again.'),
}
