import { equal, toHex, type Bytes } from '../../base/bytes.ts'
import { AppError, asAppError, isAppError, throwIfAborted } from '../../base/errors.ts'
import { compact, compactionDue, save, type LogStep } from '../../drive/log.ts'
import { Unsaved } from '../../drive/unsaved.ts'
import type { DriveLog, LogPart } from '../../formats/drive.ts'
import type { DrivePart, Head } from '../../formats/head.ts'
import { DEVICE_ID, DROPPED_MAX, type DroppedPart, type StoredPart } from '../../formats/sync.ts'
import type { FoundHead } from './heads.ts'
import { EMPTY_VECTOR, type SyncDeps } from './sync-deps.ts'
import { PartStore, readPart } from './sync-parts.ts'
import type { SyncStore } from './sync-store.ts'

const DAY = 86_400_000
/** A head that is older is written anew: its record ends after 180 days. */
const RENEW_MS = 7 * DAY
/** Parts stay on hosts so long after the head that named them: a reader may be on its way with it. */
const KEPT_MS = 30 * DAY
/** Heads that are made at once, at most: one that claims an index, the first under it, and some for those that others took meanwhile. */
const ATTEMPTS = 8
/** Segments that are borne when older ones cannot be read back just now; from then on a new snapshot takes their place. */
const UNREADABLE_MAX = 32
/** Longest state vector that is written down; without one the whole drive is published again after a crash. */
const VECTOR_BYTES = 2 ** 20

/** A log that is stored whole. */
interface Draft {
  readonly log: DriveLog
  readonly parts: ReadonlyMap<number, DrivePart>
}

/** Publishes the drive of this device as a head (docs/formats/heads.md 3). One thing at a time: nothing here may overlap. */
export class HeadPublisher {
  private readonly pending = new Unsaved()
  /** Changes noted so far, and changes that the drive told of. */
  private noted = 0
  private edits = 0
  /** Somebody else's head was seen under our index. */
  private doubted = false
  private readonly deps: SyncDeps
  private readonly store: SyncStore
  private readonly fresh: PartStore

  constructor(deps: SyncDeps, store: SyncStore) {
    this.deps = deps
    this.store = store
    this.fresh = new PartStore(deps)
  }

  /** Finds out what earlier runs changed and did not publish. Errors as `Drive.updateSince`. */
  recover(): void {
    const { drive } = this.deps.own
    const { dirty, vector } = this.store.record
    // That a crash came between a change and the mark for it shows in the vector, unless the change only removed something.
    if (dirty || !equal(vector, drive.stateVector())) this.note(drive.updateSince(vector))
  }

  /** A durable change of the drive. */
  note(change: Bytes): void {
    this.pending.add(change)
    this.noted++
    this.mark()
  }

  /** The drive has changed, and that is not durable yet: the mark is written before it. */
  edited(): void {
    this.edits++
    this.mark()
  }

  /** Somebody else's head was seen under our index: it is looked into before the next head goes out. */
  doubt(): void {
    this.doubted = true
  }

  /** Whether a head is to be published, or it is to be seen whether one is. */
  get due(): boolean {
    return this.doubted || this.store.record.dirty || this.isBehind || this.isOld
  }

  /** Whether hosts have everything that is in the drive. */
  get isDone(): boolean {
    return !this.store.record.dirty && !this.isBehind
  }

  /** Whether `found`, under our index, is a head that this device never made. */
  isForeign({ head, sequence }: FoundHead): boolean {
    const { record } = this.store
    if (!equal(head.device, record.device) || sequence > record.tried) return true
    // Ours, but made at another time: a copy of this profile goes on elsewhere, or this is an old state of it. A claim may have gone out more than once.
    if (record.sequence === 0) return false
    return sequence === record.tried ? head.written !== record.attempted : sequence === record.sequence && head.written !== record.written
  }

  /**
   * Publishes all changes so far; without any, what is not published yet or too old. Errors as `OwnDrive.save`, `Storage.storePart`, `Heads.publish`, `Heads.get`,
   * `MetaStore.batch`; `transient` when no index can be had: what went wrong is done by the next call.
   */
  async publish(signal: AbortSignal): Promise<void> {
    await this.settleDoubt(signal)
    const { own } = this.deps
    const { edits } = this
    const vector = own.drive.stateVector()
    const change = await own.save()
    if (change !== undefined) this.note(change)
    const { noted } = this
    const taken = this.pending.take()
    let draft: Draft
    try {
      draft = await this.draft(taken, signal)
    } catch (error) {
      if (taken !== undefined) this.pending.add(taken)
      throw error
    }
    await this.name(draft, { vector, dirty: this.edits !== edits || this.noted !== noted, placed: taken === undefined && this.store.record.placed })
    if (this.isBehind || this.isOld) await this.place(signal)
  }

  /** Removes from hosts what no head names any more. Errors as `Storage.keepParts`. */
  async sweep(): Promise<void> {
    const { record } = this.store
    const now = this.deps.clock.now()
    const dropped = record.dropped.filter(({ since }) => since === 0 || Math.abs(now - since) < KEPT_MS)
    if (dropped.length < record.dropped.length) await this.store.update({ dropped })
    const named = [...record.parts.map(({ part }) => part), ...dropped].map(({ link }) => link)
    await this.deps.storage.keepParts([...named, ...this.fresh.links])
  }

  /** Whether the log has what the newest head has not. */
  private get isBehind(): boolean {
    const { placed, sequence, log } = this.store.record
    return !placed && (sequence > 0 || log.next > 0 || log.inline.length > 0)
  }

  private get isOld(): boolean {
    const { sequence, written } = this.store.record
    return sequence > 0 && Math.abs(this.deps.clock.now() - written) > RENEW_MS
  }

  /** Changes while a head is being made are told by the counters. */
  private mark(): void {
    if (!this.store.record.dirty) this.store.update({ dirty: true }).catch((error: unknown) => this.deps.report(asAppError(error)))
  }

  /** The log with `change`, compacted, all its parts stored. */
  private async draft(change: Bytes | undefined, signal: AbortSignal): Promise<Draft> {
    const { record } = this.store
    const parts = new Map(record.parts.map(({ number, part }) => [number, part]))
    const bytes = new Map<number, Bytes>()
    const store = async (step: LogStep): Promise<DriveLog> => {
      for (const one of step.put) {
        bytes.set(one.part.number, one.bytes)
        parts.set(one.part.number, await this.fresh.put(one.bytes, signal))
      }
      return step.log
    }
    let { log } = record
    if (change === undefined) return { log, parts }
    log = await store(this.add(log, change))
    const read = async (part: LogPart): Promise<Bytes> => bytes.get(part.number) ?? (await readPart(stored(parts, part), this.deps, signal))
    const snapshot = (): Bytes => this.deps.own.drive.snapshot()
    while (compactionDue(log)) {
      let step: LogStep
      try {
        step = await compact(log, { read, snapshot })
      } catch (error) {
        throwIfAborted(signal)
        this.deps.report(asAppError(error))
        if (log.segments.length < UNREADABLE_MAX) break
        step = whole(log, snapshot())
      }
      log = await store(step)
    }
    return { log, parts }
  }

  private add(log: DriveLog, change: Bytes): LogStep {
    try {
      return save(log, change)
    } catch (error) {
      if (!isAppError(error, 'quota')) throw error
      return whole(log, this.deps.own.drive.snapshot())
    }
  }

  /** Writes down the log of the next head: from now on its parts are kept, and those of the last head besides until it is replaced. */
  private async name({ log, parts }: Draft, fields: { readonly vector: Bytes; readonly dirty: boolean; readonly placed: boolean }): Promise<void> {
    const { record } = this.store
    const named = [...(log.snapshot === undefined ? [] : [log.snapshot]), ...log.segments]
    const kept: StoredPart[] = named.map((part) => ({ number: part.number, part: stored(parts, part) }))
    const links = new Set(kept.map(({ part }) => toHex(part.link)))
    const gone = record.parts.filter(({ part }) => !links.has(toHex(part.link))).map(({ part }): DroppedPart => ({ link: part.link, since: 0 }))
    const dropped = [...record.dropped, ...gone].slice(-DROPPED_MAX)
    const vector = fields.vector.length > VECTOR_BYTES ? EMPTY_VECTOR : fields.vector
    const { links: all } = this.fresh
    await this.store.update({ ...fields, vector, log, parts: kept, dropped })
    this.fresh.clear()
    // Parts that were compacted away before anything named them.
    if (all.some((link) => !links.has(toHex(link)))) await this.sweep().catch((error: unknown) => this.deps.report(asAppError(error)))
  }

  /** Puts the head on hosts, under an index that is ours. */
  private async place(signal: AbortSignal): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const index = this.store.record.index ?? (await this.takeIndex(signal))
      const isClaim = this.store.record.sequence === 0
      try {
        await this.send(index, signal)
      } catch (error) {
        if (asAppError(error).code !== 'head.taken') throw error
        await this.look(index, signal)
        continue
      }
      if (!isClaim) return
      await this.look(index, signal)
    }
    throw new AppError('transient', 'head.unsettled', 'others took each index that this device wanted')
  }

  /** One head. Under a new index it only claims it: what it says counts, but nobody names it as contained. */
  private async send(index: number, signal: AbortSignal): Promise<void> {
    const { record } = this.store
    const after = record.sequence === 0 ? 0 : record.tried
    const { device, name, log } = record
    const written = Math.max(0, Math.floor(this.deps.clock.now()))
    const parts = new Map(record.parts.map(({ number, part }) => [number, part]))
    const head: Head = {
      index,
      device,
      name,
      written,
      known: record.others.filter((other) => other.index !== index).map(({ index, sequence, contained }) => ({ index, sequence, contained })),
      snapshot: log.snapshot === undefined ? undefined : stored(parts, log.snapshot),
      segments: log.segments.map((part) => stored(parts, part)),
      inline: log.inline,
    }
    // A sequence that may have gone out is not used again, whatever happens now.
    await this.store.update({ tried: after + 1, attempted: written })
    const sequence = await this.deps.heads.publish(head, after, signal)
    if (record.sequence === 0) return
    const dropped = this.store.record.dropped.map((part) => (part.since === 0 ? { ...part, since: written } : part))
    await this.store.update({ sequence, written, placed: true, dropped })
  }

  /** Looks whose head hosts have under our index: after a claim, and when somebody else seems to have it. */
  private async look(index: number, signal: AbortSignal): Promise<void> {
    let found: FoundHead
    try {
      found = await this.deps.heads.get(index, signal)
    } catch (error) {
      if (asAppError(error).code !== 'head.gone') throw error
      await this.leave(false)
      return
    }
    const { device, sequence } = this.store.record
    if (this.isForeign(found)) await this.leave(equal(found.head.device, device))
    else if (sequence === 0) await this.store.update({ sequence: found.sequence, written: found.head.written, attempted: found.head.written })
  }

  private async settleDoubt(signal: AbortSignal): Promise<void> {
    const { index } = this.store.record
    if (this.doubted && index !== undefined) await this.look(index, signal)
    this.doubted = false
  }

  /** Gives the index up, so that another is taken. What others said of our heads was of that index. */
  private async leave(isCopy: boolean): Promise<void> {
    const { others, device } = this.store.record
    await this.store.update({
      index: undefined,
      device: isCopy ? this.deps.random.bytes(DEVICE_ID) : device,
      sequence: 0,
      tried: 0,
      placed: false,
      others: others.map((other) => ({ ...other, merged: 0 })),
    })
  }

  /** The lowest index that is proved to be free. */
  private async takeIndex(signal: AbortSignal): Promise<number> {
    const known = this.store.record.others.map(({ index }) => index)
    const found = await this.deps.heads.find(known, signal)
    // Of a device that was seen there may be more than is found just now.
    const index = found.free.find((one) => !known.includes(one))
    if (index === undefined) throw new AppError('transient', 'head.index', 'no index is proved to be free', { cause: found.unread[0]?.error })
    await this.store.update({ index, sequence: 0, tried: 0 })
    return index
  }
}

/** A log of which the whole drive is the only part. */
function whole(log: DriveLog, bytes: Bytes): LogStep {
  const part = { number: log.next, bytes: bytes.length }
  const drop = log.snapshot === undefined ? log.segments : [log.snapshot, ...log.segments]
  return { log: { next: log.next + 1, snapshot: part, segments: [], inline: new Uint8Array() }, put: [{ part, bytes }], drop }
}

function stored(parts: ReadonlyMap<number, DrivePart>, { number }: LogPart): DrivePart {
  const part = parts.get(number)
  if (part === undefined) throw new AppError('bug', 'drive.log', 'a part of the log that was never stored')
  return part
}
