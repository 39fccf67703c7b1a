import { AppError } from '../base/errors.ts'
import { concat, equal, fromBase64Url, toBase64Url, utf8, type Bytes } from '../base/bytes.ts'
import { LABELS } from '../base/labels.ts'
import type { Blake3 } from '../ports/blake3.ts'

/** Random bytes of a link seed; 4 bytes of check follow them (docs/formats/keys.md). */
export const LINK_RANDOM = 28

const PREFIX = '#/s/'

/** The 32-byte link seed over 28 random bytes. */
export function linkSeed(random: Bytes, blake3: Blake3): Bytes {
  if (random.length !== LINK_RANDOM) throw new AppError('bug', 'format.unencodable', 'a link seed takes 28 random bytes')
  return concat([random, check(random, blake3)])
}

/** The fragment of a link's URL: `#/s/` and 43 characters. */
export function formatLink(seed: Bytes): string {
  return PREFIX + toBase64Url(seed)
}

/** The seed in a URL's fragment (with its `#`). Throws `invalid` `link.damaged` when anything is missing or changed. */
export function parseLink(fragment: string, blake3: Blake3): Bytes {
  if (!fragment.startsWith(PREFIX)) throw damaged()
  let seed: Bytes
  try {
    seed = fromBase64Url(fragment.slice(PREFIX.length))
  } catch (cause) {
    throw damaged(cause)
  }
  const random = seed.subarray(0, LINK_RANDOM)
  if (seed.length !== 32 || !equal(check(random, blake3), seed.subarray(LINK_RANDOM))) throw damaged()
  return seed
}

function check(random: Bytes, blake3: Blake3): Bytes {
  return blake3.hash(concat([utf8(LABELS.linkCheck), random])).subarray(0, 4)
}

function damaged(cause?: unknown): AppError {
  return new AppError('invalid', 'link.damaged', 'the link is incomplete or was changed', cause === undefined ? {} : { cause })
}
