import { equal } from '../../base/bytes.ts'
import { AppError } from '../../base/errors.ts'
import { lockerKeys, openLocker, wrapMaster, type LockerKeys, type Stretch } from '../../account/locker.ts'
import { LOCKER_NONCE, type Locker } from '../../formats/locker.ts'
import { LEASE_SECONDS } from '../../formats/receipt.ts'
import { formatRecordValue, parseRecordValue, RECORD_HOLDERS, type RecordValue } from '../../formats/record-value.ts'
import type { Random } from '../../ports/clock.ts'
import type { Records } from '../../ports/network.ts'
import type { Hosts } from '../hosts/hosts.ts'
import { resolveRecord, type LookUpDeps } from '../records/lookup.ts'
import { nobodyTook, placeRecord, recordHolders, type Placed } from '../records/place.ts'

export interface LockersDeps extends LookUpDeps {
  readonly hosts: Pick<Hosts, 'connected' | 'changed' | 'client' | 'candidates'>
  readonly records: Records
  readonly random: Random
  /** Argon2id: `core/account/stretch.ts`, in a worker. */
  readonly stretch: Stretch
}

/** What a person types. */
export interface Credentials {
  readonly name: string
  readonly password: string
}

/** A locker that was found, and opened. */
export interface OpenLocker {
  readonly keys: LockerKeys
  readonly locker: Locker
  /** Of its record. */
  readonly sequence: bigint
}

/**
 * Opens the locker of a name and password. Throws `invalid` `name.*` and `password.*`; `absent` `account.unknown` when it is proved that there is none (a wrong
 * name or password), `account.closed` when there was one before name or password were changed; `transient` `record.unreachable`; `corrupt` `locker.damaged`;
 * `invalid` `format.version`; `aborted`.
 */
export async function findLocker(given: Credentials, deps: LockersDeps, signal: AbortSignal): Promise<OpenLocker> {
  const keys = await lockerKeys(given.name, given.password, deps.stretch)
  const found = await resolve(keys, deps, signal)
  if (found === undefined) throw new AppError('absent', 'account.unknown', 'no account with this name and password')
  if (found.value.kind === 'gone') throw new AppError('absent', 'account.closed', 'the name or password was changed since')
  if (found.value.kind !== 'locker') throw new AppError('corrupt', 'locker.damaged', 'a record of something else')
  return { keys, locker: await openLocker(found.value.sealed, keys), sequence: found.sequence }
}

/**
 * Puts a new locker on hosts. Throws `denied` `account.taken` when there is one with this name and password, or was one; `transient` `record.unreachable` when
 * that cannot be known, `hosts.none` when no host took it; `invalid` `name.*`, `password.*`; `aborted`.
 */
export async function createLocker(given: Credentials, locker: Locker, deps: LockersDeps, signal: AbortSignal): Promise<OpenLocker> {
  const keys = await lockerKeys(given.name, given.password, deps.stretch)
  return await renewLocker(await prepareLocker(keys, locker, deps, signal), deps, signal)
}

/** A locker that is free to be put where `keys` lead to, by `renewLocker`. Throws `denied` `account.taken`, `transient` `record.unreachable`, `aborted`, as `createLocker`. */
export async function prepareLocker(keys: LockerKeys, locker: Locker, deps: LockersDeps, signal: AbortSignal): Promise<OpenLocker> {
  const there = await resolve(keys, deps, signal)
  if (there !== undefined && !(await holds(there.value, keys, locker))) throw new AppError('denied', 'account.taken', 'there is an account with this name and password')
  return { keys, locker, sequence: there?.sequence ?? 0n }
}

/** How the record of a locker stands. */
export interface LockerState {
  readonly closed: boolean
  readonly sequence: bigint
  /** When it was written, ms since 1970. */
  readonly written: number
}

/** How a locker stands on hosts; `undefined` when it is proved that it is nowhere. Throws `transient` `record.unreachable`, `invalid` `format.*`, `aborted`. */
export async function lockerState(keys: LockerKeys, deps: LockersDeps, signal: AbortSignal): Promise<LockerState | undefined> {
  const there = await resolve(keys, deps, signal)
  return there && { closed: there.value.kind === 'gone', sequence: there.sequence, written: there.expires - LEASE_SECONDS * 1000 }
}

/** Puts a locker on hosts again, with the whole lease before it. Errors as `createLocker`, but for what is typed. */
export async function renewLocker({ keys, locker, sequence }: OpenLocker, deps: LockersDeps, signal: AbortSignal): Promise<OpenLocker> {
  return await putLocker(keys, locker, sequence, deps, signal)
}

/** Closes a locker for ever: every connected host is told. Throws `transient` `hosts.none` when no host took note: it must be tried again. `aborted`. */
export async function closeLocker({ keys, sequence }: Pick<OpenLocker, 'keys' | 'sequence'>, deps: LockersDeps, signal: AbortSignal): Promise<void> {
  const placed = await put(keys, { kind: 'gone' }, sequence, deps, signal)
  // A server of the DHT forgets in two days, and then hosts with the old record publish it again.
  if (placed.holders.length > 0) return
  const there = await resolve(keys, deps, signal)
  if (there?.value.kind !== 'gone') throw nobodyTook(placed)
}

/** Whether what is there is the very locker that is to be made: an attempt before this one got so far. */
async function holds(value: RecordValue, keys: LockerKeys, locker: Locker): Promise<boolean> {
  if (value.kind !== 'locker') return false
  const { master, generation } = await openLocker(value.sealed, keys)
  return equal(master, locker.master) && generation === locker.generation
}

async function putLocker(keys: LockerKeys, locker: Locker, after: bigint, deps: LockersDeps, signal: AbortSignal): Promise<OpenLocker> {
  const sealed = await wrapMaster(locker, keys, deps.random.bytes(LOCKER_NONCE))
  const placed = await put(keys, { kind: 'locker', sealed }, after, deps, signal)
  if (placed.holders.length > 0) return { keys, locker, sequence: placed.sequence }
  if (placed.refused.some(({ error }) => error.code === 'record.ended')) throw new AppError('denied', 'account.taken', 'this name and password were given up before')
  throw nobodyTook(placed)
}

async function put(keys: LockerKeys, value: RecordValue, after: bigint, deps: LockersDeps, signal: AbortSignal): Promise<Placed & { readonly sequence: bigint }> {
  const now = Math.floor(deps.clock.now())
  // Never by the clock: a locker that is only away just now must not be overwritten by a first one of the same name and password.
  const sequence = after + 1n
  const record = await deps.records.sign(keys.recordSeed, { value: formatRecordValue(value), sequence, expires: now + LEASE_SECONDS * 1000 })
  const holders = recordHolders(deps.hosts).slice(0, value.kind === 'gone' ? undefined : RECORD_HOLDERS)
  const placed = await placeRecord({ name: keys.recordName, record, bytes: new Uint8Array() }, holders, deps, signal)
  return { ...placed, sequence }
}

/** What the record of a locker says; `undefined` when it is proved that there is none. */
async function resolve(keys: LockerKeys, deps: LockersDeps, signal: AbortSignal): Promise<{ readonly value: RecordValue; readonly sequence: bigint; readonly expires: number } | undefined> {
  try {
    const { view } = await resolveRecord(keys.recordName, deps, signal)
    return { value: parseRecordValue(view.value), sequence: view.sequence, expires: view.expires }
  } catch (error) {
    if (error instanceof AppError && error.code === 'record.absent') return undefined
    throw error
  }
}
