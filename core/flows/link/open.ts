import { equal, toHex, type Bytes } from '../../base/bytes.ts'
import { AppError, asAppError, isAppError, throwIfAborted } from '../../base/errors.ts'
import { linkKeys, type LinkKeys } from '../../account/keys.ts'
import { decode } from '../../formats/codec.ts'
import { parseLinkValue, type LinkValue } from '../../formats/record-value.ts'
import { shareObject, type ShareObject } from '../../formats/share.ts'
import type { Blake3 } from '../../ports/blake3.ts'
import type { Clock } from '../../ports/clock.ts'
import type { PeerKey, Records } from '../../ports/network.ts'
import { openObject } from '../../seal/object.ts'
import type { StoredObject } from '../../swarm/shard-client.ts'
import { ringOr } from '../bell.ts'
import type { Hosts } from '../hosts/hosts.ts'
import type { Search } from '../hosts/search.ts'

/** A look-up may take this long in all, in ms: a browser that was just opened has to find its first hosts. */
const LOOKUP_MS = 15_000
/** One question to the hosts and the DHT, in ms. */
const ASK_MS = 8000
/** A holder that is not connected by then is looked up by its key, in ms. */
const MEET_MS = 3000
/** Once somebody had it, newer answers are waited for this long, in ms. */
const GRACE_MS = 700
/** Waits between questions, unless a host turns up, in ms. */
const AGAIN_MS = 1000
/** Connected hosts asked for a record, at most. */
const ASKED = 24

export interface OpenDeps {
  readonly hosts: Hosts
  readonly search: Search
  readonly records: Records
  readonly blake3: Blake3
  readonly clock: Clock
}

/** What one round of questions brought. */
interface Round {
  /** Valid records, newest first. */
  readonly values: { readonly value: LinkValue; readonly sequence: bigint }[]
  readonly objects: Bytes[]
  /** How many said for certain that they have nothing. */
  denials: number
}

/**
 * The share object of a link. Throws `absent` `link.gone` (its owner removed it) and `link.absent` (somebody answered, and nobody has it);
 * `transient` `link.unreachable` (nobody answered, or nobody had the object); `corrupt` `share.damaged`; `aborted`.
 */
export async function openLink(seed: Bytes, deps: OpenDeps, signal: AbortSignal): Promise<ShareObject> {
  const keys = await linkKeys(seed)
  const started = deps.clock.now()
  let named = false
  for (let first = true; ; first = false) {
    const round = await ask(keys, deps, signal)
    const newest = round.values[0]
    if (newest?.value.kind === 'gone') throw new AppError('absent', 'link.gone', 'the file was removed by its owner')
    if (newest?.value.kind === 'object') {
      named = true
      const share = await openNewest(newest.value, round.objects, keys, deps, signal)
      if (share !== undefined) return share
    }
    const late = Math.abs(deps.clock.now() - started) >= LOOKUP_MS
    // The first answer of an empty-handed DHT server is not the last word while hosts are still being found.
    const denied = !named && round.denials > 0
    if (late || (!first && denied && deps.hosts.connected().length > 0)) throw unheard(named, denied)
    await ringOr(deps.hosts.changed, AGAIN_MS, deps.clock, signal)
    await settle(deps, signal)
  }
}

function unheard(named: boolean, denied: boolean): AppError {
  if (denied) return new AppError('absent', 'link.absent', 'nobody who answered has this link')
  return new AppError('transient', 'link.unreachable', named ? 'the hosts of this link cannot be reached' : 'nobody answered')
}

/** Waits until the first search for hosts came to an end, with or without any. */
async function settle(deps: OpenDeps, signal: AbortSignal): Promise<void> {
  const late = new AbortController()
  const stop = AbortSignal.any([signal, late.signal])
  try {
    await Promise.race([deps.search.settled(1, stop), deps.clock.sleep(ASK_MS, stop)])
  } finally {
    late.abort()
  }
}

async function ask(keys: LinkKeys, deps: OpenDeps, signal: AbortSignal): Promise<Round> {
  const round: Round = { values: [], objects: [], denials: 0 }
  const late = new AbortController()
  const stop = AbortSignal.any([signal, late.signal])
  const questions = deps.hosts.connected().slice(0, ASKED).map(async (client) => {
    await hear(round, keys, deps, () => client.getObject(keys.recordName, { signal: stop }))
  })
  questions.push(hear(round, keys, deps, async () => ({ record: await deps.records.resolve(keys.recordName, { signal: stop }), bytes: new Uint8Array() })))
  const found = Promise.race(questions.map(async (question) => {
    await question
    if (round.values.length === 0) await new Promise<never>(() => undefined)
  }))
  try {
    await Promise.race([
      Promise.all(questions),
      deps.clock.sleep(ASK_MS, stop),
      found.then(() => deps.clock.sleep(GRACE_MS, stop)),
    ])
  } finally {
    late.abort()
  }
  throwIfAborted(signal)
  round.values.sort((a, b) => (a.sequence < b.sequence ? 1 : a.sequence > b.sequence ? -1 : 0))
  return round
}

/** One answer. What is forged or malformed counts as none; only "I have none" is a denial. */
async function hear(round: Round, keys: LinkKeys, deps: OpenDeps, question: () => Promise<StoredObject>): Promise<void> {
  try {
    const { record, bytes } = await question()
    const view = await deps.records.open(keys.recordName, record)
    round.values.push({ value: parseLinkValue(view.value), sequence: view.sequence })
    if (bytes.length > 0) round.objects.push(bytes)
  } catch (error) {
    if (isAppError(error, 'absent')) round.denials++
  }
}

async function openNewest(
  value: Extract<LinkValue, { kind: 'object' }>,
  objects: readonly Bytes[],
  keys: LinkKeys,
  deps: OpenDeps,
  signal: AbortSignal,
): Promise<ShareObject | undefined> {
  const fits = (bytes: Bytes): boolean => equal(deps.blake3.hash(bytes), value.name)
  const bytes = objects.find(fits) ?? (await fromHolders(value.holders.map(toHex), keys, fits, deps, signal))
  if (bytes === undefined) return undefined
  try {
    return decode(shareObject, await openObject(bytes, keys.readKey, deps.blake3, { name: value.name }))
  } catch (cause) {
    throw new AppError('corrupt', 'share.damaged', 'the share object does not open', { cause })
  }
}

/** Gives the search for hosts, which learns addresses, some time to connect to a holder of which only the key is known. */
async function met(holder: PeerKey, { hosts, clock }: OpenDeps, signal: AbortSignal): Promise<void> {
  const until = clock.now() + MEET_MS
  while (!hosts.isConnected(holder) && clock.now() < until) await ringOr(hosts.changed, until - clock.now(), clock, signal)
}

/** The first right object that a holder gives. */
async function fromHolders(
  holders: readonly PeerKey[],
  keys: LinkKeys,
  fits: (bytes: Bytes) => boolean,
  deps: OpenDeps,
  signal: AbortSignal,
): Promise<Bytes | undefined> {
  const late = new AbortController()
  const stop = AbortSignal.any([signal, late.signal])
  const questions = holders.map(async (holder) => {
    await met(holder, deps, stop)
    const client = await deps.hosts.client(holder, stop)
    const { bytes } = await client.getObject(keys.recordName, { signal: stop })
    if (!fits(bytes)) throw new AppError('corrupt', 'object.damaged', 'another object than the record names')
    return bytes
  })
  try {
    const first = Promise.any(questions).catch((error: unknown) => void asAppError(error))
    return (await Promise.race([first, deps.clock.sleep(ASK_MS, stop)])) ?? undefined
  } finally {
    late.abort()
  }
}
