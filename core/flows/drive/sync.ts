import { toHex, type Bytes } from '../../base/bytes.ts'
import { asAppError, throwIfAborted, type AppError } from '../../base/errors.ts'
import { Bell, isOver, ringOr } from '../bell.ts'
import type { FoundHead } from './heads.ts'
import type { SyncDeps, SyncDevice, SyncState } from './sync-deps.ts'
import { HeadMerger } from './sync-merge.ts'
import { HeadPublisher } from './sync-publish.ts'
import { SyncStore } from './sync-store.ts'

export type { SyncDeps, SyncDevice, SyncState } from './sync-deps.ts'

const MINUTE = 60_000
const DAY = 86_400_000
/** Changes that come within this time, in ms, go out together. */
const DEBOUNCE_MS = 2000
/** Waits after a failure to publish, in ms: doubled from the first to the last. */
const RETRY_MS = 5000
const RETRY_MAX_MS = 5 * MINUTE
/** Whether a head is too old, or a part's time is over, is asked this often, in ms. */
const IDLE_MS = 60 * MINUTE
/** Others are looked for so often, in ms: while something is going on, and else. */
const LOOK_BUSY_MS = 30_000
const LOOK_MS = 2 * MINUTE
/** Something is going on for so long after the start or news, in ms. */
const BUSY_MS = 5 * MINUTE
/** Devices that nobody heard of are looked for so often, in ms, while something is going on, and else; in between only known ones are asked. */
const FIND_BUSY_MS = 2 * MINUTE
const FIND_MS = 10 * MINUTE
/** A head that is older counts no more: its record has ended. */
const HORIZON_MS = 180 * DAY

/** Publishes this device's drive as a head, and merges the heads of the account's other devices (docs/formats/heads.md). */
export class DriveSync {
  private readonly deps: SyncDeps
  private readonly store: SyncStore
  private readonly publisher: HeadPublisher
  private readonly merger: HeadMerger
  private readonly work = new Bell()
  private readonly poked = new Bell()
  private wanted = false
  private urged = false
  private foundAt = -Infinity
  private sweptAt = -Infinity
  private busyUntil = -Infinity
  private looked = false
  /** Indexes whose head cannot be had: they may be of devices that count. */
  private unread: readonly number[] = []
  /** Ids of devices whose heads were found in this run, by index. */
  private readonly ids = new Map<number, string>()
  private publishing: AppError | undefined
  private looking: AppError | undefined

  constructor(deps: SyncDeps) {
    this.deps = deps
    this.store = new SyncStore(deps)
    this.publisher = new HeadPublisher(deps, this.store)
    this.merger = new HeadMerger(deps, this.store, (change) => this.note(change))
  }

  /** Reads what earlier runs left, and removes parts that they stored in vain. Call before `run`. Errors as `MetaStore`; `invalid` `format.*`. */
  async load(): Promise<void> {
    await this.store.load()
    this.publisher.recover()
    await this.sweep()
  }

  /** Works until `signal` fires. */
  async run(signal: AbortSignal): Promise<void> {
    this.deps.own.drive.watch(() => {
      this.publisher.edited()
      this.work.ring()
    }, signal)
    await Promise.all([this.publishAll(signal), this.lookAll(signal)])
  }

  /** The drive has a change that is durable on this device (the result of `OwnDrive.save`). */
  note(change: Bytes): void {
    this.publisher.note(change)
    this.urge()
  }

  /** Looks for others now; what could not be published is tried again. */
  poke(): void {
    this.again()
    this.urge()
  }

  state(): SyncState {
    const { index, sequence, written, others, name } = this.store.record
    const own: SyncDevice[] = index === undefined || sequence === 0 ? [] : [this.deviceAt(index, name, written, true)]
    const devices = others.filter((other) => !this.hasLeft(other.index)).map((other) => this.deviceAt(other.index, other.name, other.written, false))
    return {
      index,
      published: this.publisher.isDone,
      publishedAt: written === 0 ? undefined : written,
      looked: this.looked,
      devices: [...own, ...devices].sort((a, b) => a.index - b.index),
      problem: this.publishing ?? this.looking,
    }
  }

  /** The id of this device, in hexadecimal. */
  get device(): string {
    return toHex(this.store.record.device)
  }

  /** Sequence of the newest head of ours that hosts took; 0 for none. */
  sequence(): number {
    return this.store.record.sequence
  }

  /**
   * Whether every other device that still counts has merged our head of `sequence` or a later one, and we theirs. A device counts unless its head is older than 180 days,
   * has signed out, or was given up. Not before others were looked for, and while there is a head that cannot be had.
   */
  mergedByAll(sequence: number): boolean {
    const { others, index: own } = this.store.record
    if (sequence < 1 || sequence > this.sequence() || !this.looked) return false
    if (this.unread.some((index) => !others.some((other) => other.index === index) && index !== own)) return false
    return others.every(({ index, merged, contained }) => this.hasEnded(index) || (contained && (merged >= sequence || this.hasLeft(index))))
  }

  private again(): void {
    this.wanted = true
    this.poked.ring()
  }

  private urge(): void {
    this.urged = true
    this.work.ring()
  }

  private async publishAll(signal: AbortSignal): Promise<void> {
    const { clock } = this.deps
    for (let wait = RETRY_MS; !isOver(signal); ) {
      try {
        if (Math.abs(clock.now() - this.sweptAt) >= DAY) await this.sweep().catch((error: unknown) => this.deps.report(asAppError(error)))
        if (!this.publisher.due) {
          await ringOr(this.work, IDLE_MS, clock, signal)
          continue
        }
        await clock.sleep(DEBOUNCE_MS, signal)
        this.urged = false
        const { index } = this.store.record
        await this.publisher.publish(signal)
        // Who has the index that was ours is to be merged.
        if (index !== undefined && index !== this.store.record.index) this.again()
        wait = RETRY_MS
        this.tell('publishing', undefined)
      } catch (error) {
        if (isOver(signal)) return
        this.tell('publishing', asAppError(error))
        await this.pause(wait, signal)
        wait = Math.min(2 * wait, RETRY_MAX_MS)
      }
    }
  }

  /** Waits after a failure; a change or a poke ends it. */
  private async pause(ms: number, signal: AbortSignal): Promise<void> {
    if (this.urged) return
    await ringOr(this.work, ms, this.deps.clock, signal).catch(() => undefined)
  }

  private async lookAll(signal: AbortSignal): Promise<void> {
    const { clock } = this.deps
    this.busyUntil = clock.now() + BUSY_MS
    while (!isOver(signal)) {
      const isFull = this.wanted || Math.abs(clock.now() - this.foundAt) >= (clock.now() < this.busyUntil ? FIND_BUSY_MS : FIND_MS)
      this.wanted = false
      try {
        this.tell('looking', await this.look(isFull, signal))
        // Wanted anew while it looked, perhaps for what it had passed already.
        if (!isOver(signal) && !this.isWanted()) await ringOr(this.poked, clock.now() < this.busyUntil ? LOOK_BUSY_MS : LOOK_MS, clock, signal)
      } catch (error) {
        if (isOver(signal)) return
        this.tell('looking', asAppError(error))
        await ringOr(this.poked, LOOK_BUSY_MS, clock, signal).catch(() => undefined)
      }
    }
  }

  private isWanted(): boolean {
    return this.wanted
  }

  /** Looks for heads, and merges them. Resolves to why some cannot be had. */
  private async look(isFull: boolean, signal: AbortSignal): Promise<AppError | undefined> {
    const { clock } = this.deps
    const { heads, failure, answered } = isFull ? await this.find(signal) : await this.ask(signal)
    const { index } = this.store.record
    for (const found of heads) {
      if (found.head.index === index && this.publisher.isForeign(found)) this.suspect()
      this.ids.set(found.head.index, toHex(found.head.device))
    }
    const merged = await this.merger.merge(heads, signal)
    if (merged.news) this.busyUntil = clock.now() + BUSY_MS
    if (answered) this.looked = true
    return failure ?? merged.failure
  }

  /** All heads, those of devices that nobody heard of included. */
  private async find(signal: AbortSignal): Promise<Seen> {
    const known = this.known()
    const { heads, free, unread } = await this.deps.heads.find(known, signal)
    const there = new Set([...heads.map(({ head }) => head.index), ...unread.map(({ index }) => index), ...free.filter((index) => !this.hasEnded(index))])
    for (const index of known) if (!there.has(index)) await this.merger.forget(index)
    const answered = heads.length + free.length > 0
    if (answered) this.foundAt = this.deps.clock.now()
    const missed = answered ? unread.filter(({ index, error }) => known.includes(index) || error.code !== 'record.unreachable') : unread
    this.unread = unread.map(({ index }) => index)
    return { heads, failure: missed[0]?.error, answered }
  }

  /** The heads that are known. */
  private async ask(signal: AbortSignal): Promise<Seen> {
    const heads: FoundHead[] = []
    let failure: AppError | undefined
    await Promise.all(this.known().map(async (index) => {
      try {
        heads.push(await this.deps.heads.get(index, signal))
      } catch (error) {
        throwIfAborted(signal)
        const { code } = asAppError(error)
        if (code === 'head.gone') await this.merger.forget(index)
        else if (code !== 'record.absent') failure ??= asAppError(error)
      }
    }))
    return { heads, failure, answered: false }
  }

  /** Indexes of other devices. */
  private known(): number[] {
    return this.store.record.others.map(({ index }) => index)
  }

  /** Whether the head at `index` is older than its record may be. */
  private hasEnded(index: number): boolean {
    const written = this.store.record.others.find((other) => other.index === index)?.written ?? 0
    return this.deps.clock.now() - written > HORIZON_MS
  }

  /** Whether the device that has the head at `index` has signed out. */
  private hasLeft(index: number): boolean {
    const device = this.ids.get(index)
    return device !== undefined && this.deps.own.drive.view.signOut(device) === 'left'
  }

  private deviceAt(index: number, name: string, written: number, own: boolean): SyncDevice {
    const device = own ? this.device : this.ids.get(index)
    const asked = device !== undefined && this.deps.own.drive.view.signOut(device) === 'asked'
    return { index, name, written, own, device, asked }
  }

  private suspect(): void {
    this.publisher.doubt()
    this.work.ring()
  }

  private async sweep(): Promise<void> {
    this.sweptAt = this.deps.clock.now()
    await this.publisher.sweep()
  }

  private tell(what: 'publishing' | 'looking', problem: AppError | undefined): void {
    this[what] = problem
    this.deps.changed()
  }
}

/** What a look for others brought. */
interface Seen {
  readonly heads: readonly FoundHead[]
  readonly failure: AppError | undefined
  /** Whether others were looked for, and somebody answered. */
  readonly answered: boolean
}
