import { equal, type Bytes } from '../../base/bytes.ts'
import { asAppError, isAppError, type AppError } from '../../base/errors.ts'
import type { LockerKeys } from '../../account/locker.ts'
import type { ClosingLocker, KeptLocker } from '../../formats/account-record.ts'
import { Bell, isOver, ringOr } from '../bell.ts'
import type { AccountStore } from './account-store.ts'
import { closeLocker, lockerState, renewLocker, type LockersDeps, type LockerState } from './lockers.ts'

/** A record older than this, in ms, is written again: a device that is on once a season still finds most of its lease left. */
const RENEW_MS = 7 * 86_400_000
/** Between looks at what there is to do, in ms. */
const HOUR_MS = 3_600_000
/** After a failure the first wait, in ms; then twice as long each time, up to an hour. */
const FIRST_RETRY_MS = 15_000

export interface UpkeepDeps extends LockersDeps {
  readonly store: AccountStore
  /** The master of the account. */
  readonly master: () => Bytes
  readonly changed: () => void
  readonly report: (error: AppError) => void
}

/** Keeps the locker of the account alive, and closes those that were given up. */
export class Upkeep {
  private readonly bell = new Bell()
  private readonly deps: UpkeepDeps

  constructor(deps: UpkeepDeps) {
    this.deps = deps
  }

  /** Works until `signal` fires. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    let failures = 0
    while (!isOver(signal)) {
      const alone = this.deps.hosts.connected().length === 0
      const done = [await this.closeAll(signal), await this.attempt(() => this.renew(signal))]
      failures = done.every(Boolean) ? 0 : failures + 1
      if (failures === 0) await ringOr(this.bell, HOUR_MS, this.deps.clock, signal).catch(() => undefined)
      else await this.rest(Math.min(HOUR_MS, FIRST_RETRY_MS * 2 ** (failures - 1)), alone, signal)
    }
  }

  /** Looks at once for what there is to do. */
  wake(): void {
    this.bell.ring()
  }

  /** Closes what was given up. Resolves to whether none is left. Never rejects. */
  async closeAll(signal: AbortSignal): Promise<boolean> {
    let none = true
    for (const given of this.deps.store.value?.closing ?? []) {
      if (isOver(signal) || !(await this.attempt(() => this.close(given, signal)))) none = false
    }
    return none
  }

  /** Waits `ms`, or until a first host is there again: an old password must not work for an hour because a laptop was closed. Never rejects. */
  private async rest(ms: number, alone: boolean, signal: AbortSignal): Promise<void> {
    const { hosts, clock } = this.deps
    const over = new AbortController()
    const stop = AbortSignal.any([signal, over.signal])
    const met = async (): Promise<void> => {
      for (let none = alone; !none || hosts.connected().length === 0; none ||= hosts.connected().length === 0) await hosts.changed.wait(stop)
    }
    try {
      await Promise.race([met(), ringOr(this.bell, ms, clock, stop)])
    } catch {
      // Nothing but the signal ends a wait early.
    } finally {
      over.abort()
    }
  }

  /** Whether `work` was done. That hosts are away is nothing to report. */
  private async attempt(work: () => Promise<void>): Promise<boolean> {
    try {
      await work()
      return true
    } catch (error) {
      if (!isAppError(error, 'transient') && !isAppError(error, 'aborted')) this.deps.report(asAppError(error))
      return false
    }
  }

  private async close({ wrapped, sequence }: ClosingLocker, signal: AbortSignal): Promise<void> {
    const { store } = this.deps
    const keys = await store.unwrap(wrapped)
    // Without its keys nobody here can close it.
    if (keys !== undefined) await closeLocker({ keys, sequence: BigInt(sequence) }, this.deps, signal)
    await store.update((now) => now && { ...now, closing: now.closing.filter((other) => !equal(other.wrapped, wrapped)) })
  }

  private async renew(signal: AbortSignal): Promise<void> {
    const { store, clock } = this.deps
    const kept = store.value?.locker
    if (kept === undefined || this.isFresh(kept.renewed)) return
    const keys = await store.unwrap(kept.wrapped)
    const state = keys && (await this.state(keys, signal))
    if (keys === undefined || state?.closed === true) {
      await this.forget(kept)
      return
    }
    const sequence = Math.max(kept.sequence, Number(state?.sequence ?? 0n))
    // Another device of the account was here first.
    if (state !== undefined && this.isFresh(state.written)) {
      await this.note(kept, { sequence, renewed: Math.max(0, Math.floor(state.written)) })
      return
    }
    const { created, generation } = kept
    try {
      const renewed = await renewLocker({ keys, locker: { master: this.deps.master(), created, generation }, sequence: BigInt(sequence) }, this.deps, signal)
      await this.note(kept, { sequence: Number(renewed.sequence), renewed: Math.floor(clock.now()) })
    } catch (error) {
      if (!isAppError(error, 'denied')) throw error
      await this.forget(kept)
    }
  }

  /** When nobody can be asked, `undefined`: a locker that only its devices still have is renewed all the same. */
  private async state(keys: LockerKeys, signal: AbortSignal): Promise<LockerState | undefined> {
    try {
      return await lockerState(keys, this.deps, signal)
    } catch (error) {
      if (isAppError(error, 'transient')) return undefined
      throw error
    }
  }

  /** A clock that was set back makes nothing fresh for years. */
  private isFresh(written: number): boolean {
    return Math.abs(this.deps.clock.now() - written) <= RENEW_MS
  }

  private async note(kept: KeptLocker, news: Pick<KeptLocker, 'sequence' | 'renewed'>): Promise<void> {
    await this.deps.store.update((now) => (now?.locker === kept ? { ...now, locker: { ...kept, ...news } } : now))
  }

  /** It was closed by another device: this one knows the name from then on, and no locker. */
  private async forget(kept: KeptLocker): Promise<void> {
    await this.deps.store.update((now) => (now?.locker === kept ? { ...now, locker: undefined } : now))
    this.deps.changed()
  }
}
