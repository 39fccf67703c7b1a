import type { Bytes } from '../../base/bytes.ts'
import { AppError } from '../../base/errors.ts'
import { linkKeys, type LinkKeys } from '../../account/keys.ts'
import { decode } from '../../formats/codec.ts'
import { parseLinkValue, type LinkValue } from '../../formats/record-value.ts'
import { shareObject, type ShareObject } from '../../formats/share.ts'
import type { Blake3 } from '../../ports/blake3.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Records } from '../../ports/network.ts'
import { openObject } from '../../seal/object.ts'
import type { Hosts } from '../hosts/hosts.ts'
import type { Search } from '../hosts/search.ts'
import { lookUp, type Question } from '../records/lookup.ts'
import { objectOf } from '../records/object.ts'

export interface OpenDeps {
  readonly hosts: Hosts
  readonly search: Search
  readonly records: Records
  readonly blake3: Blake3
  readonly clock: Clock
}

/** A share object, and the sealed bytes it came in. */
export interface OpenedShare {
  readonly share: ShareObject
  readonly sealed: Bytes
}

/**
 * The share object of a link. Throws `absent` `link.gone` (its owner removed it) and `link.absent` (somebody answered, and nobody has it);
 * `transient` `link.unreachable` (nobody answered, or nobody had the object); `corrupt` `share.damaged`; `aborted`.
 */
export async function openLink(seed: Bytes, deps: OpenDeps, signal: AbortSignal): Promise<OpenedShare> {
  const keys = await linkKeys(seed)
  const question: Question<LinkValue> = { name: keys.recordName, read: ({ value }) => parseLinkValue(value), isDenied: ({ denials }) => denials > 0 }
  let named = false
  let denied = false
  for await (const round of lookUp(question, deps, signal)) {
    const newest = round.answers[0]?.value
    if (newest?.kind === 'gone') throw new AppError('absent', 'link.gone', 'the file was removed by its owner')
    if (newest?.kind === 'object') {
      named = true
      const share = await openNewest(newest, round.objects, keys, deps, signal)
      if (share !== undefined) return share
    }
    denied = !named && question.isDenied(round)
  }
  if (denied) throw new AppError('absent', 'link.absent', 'nobody who answered has this link')
  throw new AppError('transient', 'link.unreachable', named ? 'the hosts of this link cannot be reached' : 'nobody answered')
}

async function openNewest(
  value: Extract<LinkValue, { kind: 'object' }>,
  objects: readonly Bytes[],
  keys: LinkKeys,
  deps: OpenDeps,
  signal: AbortSignal,
): Promise<OpenedShare | undefined> {
  const bytes = await objectOf({ record: keys.recordName, value }, objects, deps, signal)
  if (bytes === undefined) return undefined
  try {
    return { share: decode(shareObject, await openObject(bytes, keys.readKey, deps.blake3, { name: value.name })), sealed: bytes }
  } catch (cause) {
    throw new AppError('corrupt', 'share.damaged', 'the share object does not open', { cause })
  }
}

/** The share object in a copy that this device kept of it. Throws `corrupt` or `invalid` when it is none of this link. */
export async function openCopy(seed: Bytes, sealed: Bytes, blake3: Blake3): Promise<ShareObject> {
  const { readKey } = await linkKeys(seed)
  return decode(shareObject, await openObject(sealed, readKey, blake3))
}
