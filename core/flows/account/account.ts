import { equal, utf8, type Bytes } from '../../base/bytes.ts'
import { AppError } from '../../base/errors.ts'
import { formatKit, parseKit } from '../../account/kit.ts'
import { LOCKER_COSTS, LOCKER_VERSION, lockerKeys, type LockerKeys, type LockerVersion } from '../../account/locker.ts'
import { parsePhrase, phraseWords } from '../../account/phrase.ts'
import type { Strength } from '../../account/strength.ts'
import { CLOSING_LOCKERS, type AccountRecord, type KeptLocker } from '../../formats/account-record.ts'
import { DEVICE_NAME } from '../../formats/head.ts'
import { listKey } from '../../formats/list-key.ts'
import type { KeyWrap } from '../../ports/key-wrap.ts'
import type { Journal } from '../journal.ts'
import type { Secrets } from '../list/secrets.ts'
import { Mutex } from '../mutex.ts'
import { AccountStore } from './account-store.ts'
import { findLocker, lockerState, prepareLocker, renewLocker, type Credentials, type LockersDeps, type OpenLocker } from './lockers.ts'
import { Upkeep } from './upkeep.ts'

export interface AccountDeps extends LockersDeps {
  /** Of the list. */
  readonly journal: Journal
  readonly keyWrap: KeyWrap
  /** Loaded before the account is. */
  readonly secrets: Pick<Secrets, 'own' | 'secretOf' | 'use'>
  /** Judges a new password of the account `name`: `core/account/strength.ts`, in a worker. */
  readonly strength: (password: string, name: string) => Promise<Strength>
  /** Called when `record` may have changed. */
  readonly changed: () => void
  readonly report: (error: AppError) => void
}

/** What leads to an account. */
export type WayIn = Credentials | { readonly phrase: string }

/** A master that was found, and the way to it. Never log or send it. */
export interface FoundMaster {
  readonly master: Bytes
  /** As typed. Without a name, and a locker, when it was found by its phrase. */
  readonly name?: string
  readonly locker?: OpenLocker
}

/** The account of this device (docs/formats/account.md): made, signed in to, its password changed and its locker kept alive. */
export class AccountKeeper {
  private readonly store: AccountStore
  private readonly upkeep: Upkeep
  /** One thing at a time is done to the account. */
  private readonly turns = new Mutex()
  private readonly deps: AccountDeps

  constructor(deps: AccountDeps) {
    this.deps = deps
    this.store = new AccountStore(deps)
    this.upkeep = new Upkeep({ ...deps, store: this.store, master: () => this.master })
  }

  /** Reads which account this is. Errors as `MetaStore.get`; `invalid` `format.*`. */
  async load(): Promise<void> {
    await this.store.load()
  }

  /** `name` as typed, `undefined` where only the phrase was given; `device` is the name of this device. `undefined` without an account. */
  get record(): { readonly name: string | undefined; readonly device: string } | undefined {
    const { value } = this.store
    return value && { name: value.name, device: value.device }
  }

  /** Old passwords that still open the account, since no host could be told of their end yet. */
  get closing(): number {
    return this.store.value?.closing.length ?? 0
  }

  /** The secret of this device, which is the master of its account. */
  get master(): Bytes {
    const { secrets } = this.deps
    const secret = secrets.secretOf(secrets.own)
    if (secret === undefined) throw new AppError('bug', 'secret.missing', 'the secrets were not loaded')
    return secret
  }

  /**
   * Makes an account of this device, whose secret becomes the master; where the account is known by its phrase alone, gives it a name. The same again goes on
   * where an attempt broke off. Throws `invalid` `password.weak`, `device.long`; `denied` `account.signed-in` when there is one; else as `createLocker`; as `MetaStore.batch`.
   */
  create(name: string, password: string, deviceName: string, signal: AbortSignal): Promise<void> {
    return this.turns.run(async () => {
      if (this.store.value?.name !== undefined) throw signedIn()
      checkDevice(deviceName)
      if (this.store.value === undefined) await this.forgetHeads()
      const locker = { master: this.master, created: Math.floor(this.deps.clock.now()), generation: 0 }
      const keys = await this.chosen({ name, password })
      const made = await renewLocker(await prepareLocker(keys, locker, this.deps, signal), this.deps, signal)
      const kept = await this.kept(made, locker.created)
      await this.write((now) => ({ secret: this.deps.secrets.own, name, device: deviceName, locker: kept, closing: now?.closing ?? [] }))
    })
  }

  /** Finds the master of an account; changes nothing. A whole recovery kit is taken for a phrase as well. Throws as `findLocker`; `invalid` `phrase.*`. */
  async find(given: WayIn, signal: AbortSignal): Promise<FoundMaster> {
    if ('phrase' in given) return { master: masterOf(given.phrase) }
    const locker = await findLocker(given, this.deps, signal)
    return { master: locker.locker.master, name: given.name, locker }
  }

  /**
   * Makes what was found the account of this device, durably. A storage at work has to be started anew afterwards (`Secrets.use`). Throws `denied`
   * `account.signed-in`, `invalid` `device.long`; as `MetaStore.batch`.
   */
  take(found: FoundMaster, deviceName: string): Promise<void> {
    return this.turns.run(async () => {
      if (this.store.value !== undefined) throw signedIn()
      checkDevice(deviceName)
      // Broken off in between, this is a device that has the master and no account yet, and can sign in again; never the other way round.
      await this.forgetHeads()
      await this.deps.secrets.use(found.master)
      // How old the record is, upkeep finds out.
      const kept = found.locker && (await this.kept(found.locker, 0))
      await this.write(() => ({ secret: this.deps.secrets.own, name: found.name, device: deviceName, locker: kept, closing: [] }))
    })
  }

  /**
   * Changes the password. `name` only counts where `record` has none. Resolves once the new one works; `run` closes the old locker if no host can be told now. Throws `absent`
   * `account.unknown` for a wrong current password, `account.closed` when it was changed elsewhere; `invalid` `password.weak`; `denied` `account.taken`; else as `createLocker`,
   * as `MetaStore.batch`. After a failure, the same again goes on where it broke off.
   */
  changePassword(current: string, next: string, name: string | undefined, signal: AbortSignal): Promise<void> {
    return this.turns.run(async () => {
      const account = this.store.value
      if (account === undefined) throw unknown()
      if (account.closing.length >= CLOSING_LOCKERS) throw new AppError('transient', 'hosts.none', 'no host took note of earlier changes yet')
      const who = account.name ?? name ?? ''
      const { old, made } = await this.renamed(account, { name: who, password: current }, next, signal)
      await this.replace(old, made, who)
      if (!(await this.upkeep.closeAll(signal))) this.upkeep.wake()
    })
  }

  /** What is known of heads here is of another account: one whose secret was lost. */
  private async forgetHeads(): Promise<void> {
    await this.deps.journal.write([{ del: listKey.sync }], { strict: true })
  }

  /** The 24 words of the master. */
  words(): readonly string[] {
    return phraseWords(this.master)
  }

  /** The recovery kit: `address` is where the app is opened, `now` in ms since 1970. Throws `bug` `kit.unencodable` for another address. */
  kit(address: string, now: number): string {
    return formatKit({ master: this.master, name: this.record?.name, made: dayOf(now), address })
  }

  /** Renews the locker and closes old ones until `signal` fires. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    await this.upkeep.run(signal)
  }

  /** The locker of the current password, and the one of the next, on hosts. What takes long is done side by side. */
  private async renamed(account: AccountRecord, given: Credentials, next: string, signal: AbortSignal): Promise<{ readonly old: OpenLocker; readonly made: OpenLocker }> {
    const over = new AbortController()
    const stop = AbortSignal.any([signal, over.signal])
    try {
      const proof = this.prove(account, given, stop)
      const choice = this.chosen({ name: given.name, password: next })
      // It is waited for only after the proof.
      choice.catch(() => undefined)
      const old = await proof
      const prepared = choice.then((keys) => this.prepare(keys, old, account, stop))
      const [fresh] = await Promise.all([prepared, account.locker && this.checkOpen(old, account.locker, stop)])
      return { old, made: await renewLocker(fresh, this.deps, signal) }
    } finally {
      over.abort()
    }
  }

  /** The locker that the current password opens: the kept one without asking anybody, else one that is looked up. */
  private async prove(account: AccountRecord, given: Credentials, signal: AbortSignal): Promise<OpenLocker> {
    const { locker } = account
    if (locker !== undefined && isKnown(locker.version)) {
      const keys = await lockerKeys(given.name, given.password, this.deps.stretch, locker.version)
      const kept = await this.store.unwrap(locker.wrapped)
      if (kept !== undefined && !equal(kept.recordName, keys.recordName)) throw unknown()
      const { created, generation, sequence } = locker
      if (kept !== undefined) return { keys, locker: { master: this.master, created, generation }, sequence: BigInt(sequence) }
    }
    const found = await findLocker(given, this.deps, signal)
    if (!equal(found.locker.master, this.master)) throw unknown()
    return found
  }

  /** A kept locker may have been closed by another device since: whoever only knows that password must not choose the next one. */
  private async checkOpen(old: OpenLocker, kept: KeptLocker, signal: AbortSignal): Promise<void> {
    const state = await lockerState(old.keys, this.deps, signal)
    if (state?.closed !== true) return
    await this.write((now) => (now?.locker?.wrapped === kept.wrapped ? { ...now, locker: undefined } : now))
    throw new AppError('absent', 'account.closed', 'the name or password was changed since')
  }

  /** The keys of a new name and password, which are good enough. */
  private async chosen({ name, password }: Credentials): Promise<LockerKeys> {
    const [{ accepted, score, reason }, keys] = await Promise.all([this.deps.strength(password, name), lockerKeys(name, password, this.deps.stretch)])
    if (!accepted) throw new AppError('invalid', 'password.weak', 'a password that is easy to guess', { data: { score, reason: reason?.code ?? '' } })
    return keys
  }

  /** A locker that is about to be closed cannot be the next one, although it holds this master. */
  private async prepare(keys: LockerKeys, old: OpenLocker, { closing }: AccountRecord, signal: AbortSignal): Promise<OpenLocker> {
    const givenUp = [old.keys, ...(await Promise.all(closing.map(({ wrapped }) => this.store.unwrap(wrapped))))]
    if (givenUp.some((other) => other !== undefined && equal(other.recordName, keys.recordName))) {
      throw new AppError('denied', 'account.taken', 'this password was used before')
    }
    return await prepareLocker(keys, old.locker, this.deps, signal)
  }

  /** From here on the new password is the one of this device, and the old locker is to be closed. */
  private async replace(old: OpenLocker, made: OpenLocker, name: string): Promise<void> {
    const kept = await this.kept(made, Math.floor(this.deps.clock.now()))
    const given = { wrapped: await this.store.wrap(old.keys), sequence: Number(old.sequence) }
    await this.write((now) => now && { ...now, name, locker: kept, closing: [...now.closing, given] })
  }

  private async kept({ keys, locker, sequence }: OpenLocker, renewed: number): Promise<KeptLocker> {
    const { created, generation } = locker
    return { wrapped: await this.store.wrap(keys), version: LOCKER_VERSION, sequence: Number(sequence), renewed, created, generation }
  }

  private async write(change: Parameters<AccountStore['update']>[0]): Promise<void> {
    await this.store.update(change)
    this.deps.changed()
  }
}

function isKnown(version: number): version is LockerVersion {
  return version in LOCKER_COSTS
}

function masterOf(phrase: string): Bytes {
  try {
    return parsePhrase(phrase)
  } catch (error) {
    try {
      return parseKit(phrase).master
    } catch {
      throw error
    }
  }
}

function checkDevice(name: string): void {
  if (!name.isWellFormed() || utf8(name).length > DEVICE_NAME) throw new AppError('invalid', 'device.long', 'the name of a device is too long')
}

/** `YYYY-MM-DD` on the person's calendar. */
function dayOf(now: number): string {
  const parts = new Intl.DateTimeFormat('en-u-ca-gregory-nu-latn', { year: 'numeric', month: '2-digit', day: '2-digit' }).formatToParts(now)
  const part = (type: string): string => parts.find((one) => one.type === type)?.value ?? ''
  return `${part('year')}-${part('month')}-${part('day')}`
}

function signedIn(): AppError {
  return new AppError('denied', 'account.signed-in', 'this device has an account')
}

function unknown(): AppError {
  return new AppError('absent', 'account.unknown', 'no account with this name and password')
}
