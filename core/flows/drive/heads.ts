import { fromHex, type Bytes } from '../../base/bytes.ts'
import { AppError, asAppError, isAppError, throwIfAborted } from '../../base/errors.ts'
import { headKeys } from '../../account/keys.ts'
import { decode, encode } from '../../formats/codec.ts'
import { head, HEAD_INDEX, type Head } from '../../formats/head.ts'
import { LEASE_SECONDS } from '../../formats/receipt.ts'
import { formatRecordValue, parseRecordValue, RECORD_HOLDERS } from '../../formats/record-value.ts'
import type { Blake3 } from '../../ports/blake3.ts'
import type { Records } from '../../ports/network.ts'
import { openObject, sealObject } from '../../seal/object.ts'
import type { Hosts } from '../hosts/hosts.ts'
import { resolveRecord, type LookUpDeps } from '../records/lookup.ts'
import { objectOf } from '../records/object.ts'
import { nobodyTook, placeRecord, recordHolders } from '../records/place.ts'

/** Indexes looked at beyond the highest that is known to be used: devices that came at the same time as others take the next ones. */
const BEYOND = 3

export interface HeadsDeps extends LookUpDeps {
  readonly hosts: Pick<Hosts, 'connected' | 'changed' | 'client' | 'candidates' | 'isConnected'>
  readonly records: Records
  readonly blake3: Blake3
}

export interface FoundHead {
  readonly head: Head
  /** Of its record. */
  readonly sequence: number
}

/** What was found out about the heads of an account. */
export interface FoundHeads {
  /** Ascending by index. */
  readonly heads: readonly FoundHead[]
  /** Indexes that are proved to have no record, ascending. */
  readonly free: readonly number[]
  /** Indexes of which nothing can be said now, or whose head cannot be had, and why. */
  readonly unread: readonly { readonly index: number; readonly error: AppError }[]
}

/** What became of one index: its head, that it is free, that its device was given up, or why nothing can be said. */
type Asked = FoundHead | 'free' | 'gone' | AppError

/** The heads of an account (docs/formats/heads.md), in the swarm. */
export class Heads {
  private readonly master: Bytes
  private readonly deps: HeadsDeps

  /** `master`: 32 bytes. */
  constructor(master: Bytes, deps: HeadsDeps) {
    this.master = master
    this.deps = deps
  }

  /** Looks for all heads: those of `known` indexes, those that other heads name, and the next ones. Throws `aborted` only. */
  find(known: Iterable<number>, signal: AbortSignal): Promise<FoundHeads> {
    return findHeads((index) => this.get(index, signal), known, signal)
  }

  /**
   * The head at `index`. Throws `absent` `record.absent`, `head.gone`; `transient` `record.unreachable`, `head.unreachable`; `corrupt` `head.damaged`;
   * `invalid` `format.version` for one of a later Shoal; `aborted`.
   */
  async get(index: number, signal: AbortSignal): Promise<FoundHead> {
    const keys = await headKeys(this.master, index)
    const { view, objects } = await resolveRecord(keys.recordName, this.deps, signal)
    const value = parseRecordValue(view.value)
    if (value.kind === 'gone') throw new AppError('absent', 'head.gone', 'the device was given up')
    if (value.kind !== 'object') throw damaged('a record of something else')
    const bytes = await objectOf({ record: keys.recordName, value }, objects, this.deps, signal)
    if (bytes === undefined) throw new AppError('transient', 'head.unreachable', 'no holder of the head can be reached')
    const found = await this.open(bytes, keys.readKey, value.name)
    if (found.index !== index) throw damaged('the head of another index')
    return { head: found, sequence: Number(view.sequence) }
  }

  /**
   * Puts a head on hosts, with the sequence after `after` (0 at first): never one by the clock, or a head that is only away just now would be overwritten. Resolves to its sequence. Throws `transient` `hosts.none` when no host took it; `denied` `head.taken` when hosts
   * have a newer one, from another device; `aborted`.
   */
  async publish(value: Head, after: number, signal: AbortSignal): Promise<number> {
    const { deps } = this
    const keys = await headKeys(this.master, value.index)
    const object = await sealObject(encode(head, value), keys.readKey, deps.blake3)
    const now = Math.floor(deps.clock.now())
    const sequence = after + 1
    const holders = recordHolders(deps.hosts).slice(0, RECORD_HOLDERS)
    const path = formatRecordValue({ kind: 'object', name: object.name, holders: holders.map(fromHex) })
    const record = await deps.records.sign(keys.recordSeed, { value: path, sequence: BigInt(sequence), expires: now + LEASE_SECONDS * 1000 })
    const placed = await placeRecord({ name: keys.recordName, record, bytes: object.bytes }, holders, deps, signal)
    if (placed.holders.length > 0) return sequence
    const taken = placed.refused.find(({ error }) => error.code === 'record.older' || error.code === 'record.ended')
    if (taken !== undefined) throw new AppError('denied', 'head.taken', 'another device has this index', { cause: taken.error })
    throw nobodyTook(placed)
  }

  private async open(bytes: Bytes, readKey: Bytes, name: Bytes): Promise<Head> {
    try {
      return decode(head, await openObject(bytes, readKey, this.deps.blake3, { name }))
    } catch (cause) {
      if (isAppError(cause, 'invalid') && cause.code === 'format.version') throw cause
      throw damaged('does not open', cause)
    }
  }
}

/** `Heads.find`, where `get` is asked for each head. */
export async function findHeads(get: (index: number) => Promise<FoundHead>, known: Iterable<number>, signal: AbortSignal): Promise<FoundHeads> {
  const asked = new Map<number, Asked>()
  const named = new Set(known)
  for (;;) {
    const used = [...asked].flatMap(([index, what]) => (isUsed(what) ? [index] : []))
    const end = Math.min(HEAD_INDEX, Math.max(-1, ...used, ...named) + BEYOND)
    const next = Array.from({ length: end + 1 }, (_, index) => index).filter((index) => !asked.has(index))
    if (next.length === 0) return summary(asked)
    const answers = await Promise.all(next.map((index) => ask(get, index)))
    throwIfAborted(signal)
    for (const [i, answer] of answers.entries()) {
      asked.set(next[i] ?? 0, answer)
      if (typeof answer === 'object' && 'head' in answer) for (const { index } of answer.head.known) named.add(index)
    }
  }
}

async function ask(get: (index: number) => Promise<FoundHead>, index: number): Promise<Asked> {
  try {
    return await get(index)
  } catch (error) {
    const { code } = asAppError(error)
    if (code === 'record.absent') return 'free'
    return code === 'head.gone' ? 'gone' : asAppError(error)
  }
}

/** Whether somebody has, or had, that index: a name of which nobody could tell anything says nothing about the next ones. */
function isUsed(what: Asked): boolean {
  if (what === 'free') return false
  return !(what instanceof AppError) || what.code !== 'record.unreachable'
}

function summary(asked: ReadonlyMap<number, Asked>): FoundHeads {
  const ordered = [...asked].sort(([a], [b]) => a - b)
  return {
    heads: ordered.flatMap(([, what]) => (typeof what === 'object' && 'head' in what ? [what] : [])),
    free: ordered.flatMap(([index, what]) => (what === 'free' ? [index] : [])),
    unread: ordered.flatMap(([index, what]) => (what instanceof AppError ? [{ index, error: what }] : [])),
  }
}

function damaged(message: string, cause?: unknown): AppError {
  return new AppError('corrupt', 'head.damaged', message, cause === undefined ? {} : { cause })
}
