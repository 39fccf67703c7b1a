import type { Bytes } from '../../base/bytes.ts'
import { AppError, isAppError, throwIfAborted } from '../../base/errors.ts'
import { compareRecords, ranked, type Ranked } from '../../formats/record-order.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Records, RecordView } from '../../ports/network.ts'
import type { StoredObject } from '../../swarm/shard-client.ts'
import { ringOr } from '../bell.ts'
import type { Hosts } from '../hosts/hosts.ts'
import type { Search } from '../hosts/search.ts'

/** A look-up may take this long in all, in ms: a browser that was just opened has to find its first hosts. */
const LOOKUP_MS = 15_000
/** One question to the hosts and the DHT, in ms. */
export const ASK_MS = 8000
/** Once somebody had it, newer answers are waited for this long, in ms. */
const GRACE_MS = 700
/** Waits between questions, unless a host turns up, in ms. */
const AGAIN_MS = 1000
/** Connected hosts asked for a record, at most. */
const ASKED = 24

/** What a host or the DHT says that has nothing; a record that is past its end by our clock is no such word. */
const DENIALS: readonly string[] = ['object.absent', 'record.absent']

export interface LookUpDeps {
  readonly hosts: Pick<Hosts, 'connected' | 'changed'>
  readonly search: Pick<Search, 'settled'>
  readonly records: Pick<Records, 'open' | 'resolve'>
  readonly clock: Clock
}

/** What is looked up. */
export interface Question<T> {
  /** The record's name: an Ed25519 key, 32 bytes. */
  readonly name: Bytes
  /** Reads what a valid record says. What it throws makes that record count as none. */
  readonly read: (view: RecordView) => T
  /** Everybody is waited for, as long as one question may take: a host that was away may answer first, with what was replaced meanwhile. */
  readonly thorough?: true
  /** Whether a round in which nobody had a record tells that there is none. */
  readonly isDenied: (round: Round<T>) => boolean
}

export interface Answer<T> {
  readonly value: T
  readonly rank: Ranked & { readonly record: Bytes }
}

/** What one round of questions to hosts and DHT brought. */
export interface Round<T> {
  /** Valid records, the one that counts first. */
  readonly answers: Answer<T>[]
  /** Objects that came along, unchecked. */
  readonly objects: Bytes[]
  /** How many said for certain that they have nothing. */
  denials: number
  /** Servers of the DHT answered, and none of them has it. */
  deniedByDht: boolean
}

/** Rounds of questions, one at least, until the caller has enough or more of them would tell nothing new. Throws `aborted` only. */
export async function* lookUp<T>(question: Question<T>, deps: LookUpDeps, signal: AbortSignal): AsyncGenerator<Round<T>, void> {
  const started = deps.clock.now()
  let heard = false
  for (let first = true; ; first = false) {
    const round = await ask(question, deps, signal)
    heard ||= round.answers.length > 0
    yield round
    const late = Math.abs(deps.clock.now() - started) >= LOOKUP_MS
    // The first answer of an empty-handed DHT server is not the last word while hosts are still being found.
    if (late || (!first && !heard && question.isDenied(round) && deps.hosts.connected().length > 0)) return
    await ringOr(deps.hosts.changed, AGAIN_MS, deps.clock, signal)
    await settle(deps, signal)
  }
}

/** What the newest record of a name says. */
export interface Resolved {
  readonly view: RecordView
  readonly record: Bytes
  /** Objects that came with it or with an older one, unchecked: the hash that the record names tells which is right. */
  readonly objects: readonly Bytes[]
}

/**
 * The record of a name that counts among all that connected hosts and the DHT have; a tombstone like any other. Throws `absent` `record.absent` only when
 * servers of the DHT answered that they have none, and nobody had one; else `transient` `record.unreachable`; `aborted`.
 */
export async function resolveRecord(name: Bytes, deps: LookUpDeps, signal: AbortSignal): Promise<Resolved> {
  let denied = false
  const question: Question<RecordView> = { name, read: (view) => view, thorough: true, isDenied: ({ deniedByDht }) => deniedByDht }
  for await (const { answers, objects, deniedByDht } of lookUp(question, deps, signal)) {
    const [newest] = answers
    if (newest !== undefined) return { view: newest.value, record: newest.rank.record, objects }
    denied = deniedByDht
  }
  if (denied) throw new AppError('absent', 'record.absent', 'nobody who answered has this record')
  throw new AppError('transient', 'record.unreachable', 'nobody answered who would know')
}

/** Waits until the first search for hosts came to an end, with or without any. */
async function settle(deps: LookUpDeps, signal: AbortSignal): Promise<void> {
  const late = new AbortController()
  const stop = AbortSignal.any([signal, late.signal])
  try {
    await Promise.race([deps.search.settled(1, stop), deps.clock.sleep(ASK_MS, stop)])
  } finally {
    late.abort()
  }
}

async function ask<T>(question: Question<T>, deps: LookUpDeps, signal: AbortSignal): Promise<Round<T>> {
  const round: Round<T> = { answers: [], objects: [], denials: 0, deniedByDht: false }
  const late = new AbortController()
  const stop = AbortSignal.any([signal, late.signal])
  const questions = deps.hosts.connected().slice(0, ASKED).map(async (client) => {
    await hear(round, question, deps, () => client.getObject(question.name, { signal: stop }))
  })
  questions.push(hear(round, question, deps, async () => ({ record: await fromDht(round, question.name, deps, stop), bytes: new Uint8Array() })))
  const found = Promise.race(questions.map(async (asked) => {
    await asked
    if (round.answers.length === 0) await new Promise<never>(() => undefined)
  }))
  const enough = question.thorough === true ? [] : [found.then(() => deps.clock.sleep(GRACE_MS, stop))]
  try {
    await Promise.race([Promise.all(questions), deps.clock.sleep(ASK_MS, stop), ...enough])
  } finally {
    late.abort()
  }
  throwIfAborted(signal)
  round.answers.sort((a, b) => compareRecords(b.rank, a.rank))
  return round
}

async function fromDht<T>(round: Round<T>, name: Bytes, { records }: LookUpDeps, signal: AbortSignal): Promise<Bytes> {
  try {
    return await records.resolve(name, { signal })
  } catch (error) {
    if (isAppError(error, 'absent') && error.code === 'record.absent') round.deniedByDht = true
    throw error
  }
}

/** One answer. What is forged or malformed counts as none; only "I have none" is a denial. */
async function hear<T>(round: Round<T>, { name, read }: Question<T>, { records }: LookUpDeps, question: () => Promise<StoredObject>): Promise<void> {
  try {
    const { record, bytes } = await question()
    const view = await records.open(name, record)
    round.answers.push({ value: read(view), rank: ranked(view, record) })
    if (bytes.length > 0) round.objects.push(bytes)
  } catch (error) {
    if (isAppError(error, 'absent') && DENIALS.includes(error.code)) round.denials++
  }
}
