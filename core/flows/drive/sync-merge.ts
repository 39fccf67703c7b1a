import { equal, toHex, type Bytes } from '../../base/bytes.ts'
import { AppError, asAppError, throwIfAborted } from '../../base/errors.ts'
import { UPDATE_BYTES } from '../../drive/document.ts'
import { HEADS_KNOWN, type DrivePart, type Head } from '../../formats/head.ts'
import type { OtherHead } from '../../formats/sync.ts'
import type { FoundHead } from './heads.ts'
import type { SyncDeps } from './sync-deps.ts'
import { readPart } from './sync-parts.ts'
import type { SyncStore } from './sync-store.ts'

/** The head that a device only claims its index with: another device may do the same, so that nobody can say whose it contains. */
const CLAIM = 1
/** What no later attempt makes better. */
const HOPELESS: readonly string[] = ['drive.damaged', 'drive.large', 'format.version']

/** What became of heads that were found. */
export interface Merged {
  /** Whether one of them is new in this run. */
  readonly news: boolean
  /** Why the first of those that could not be merged could not. */
  readonly failure: AppError | undefined
}

/** Merges heads of other devices into the drive (docs/formats/heads.md 2). */
export class HeadMerger {
  /** Hashes of updates that were applied in this run, and why others never will be, by the index of their head. */
  private readonly met = new Map<number, ReadonlyMap<string, AppError | 'applied'>>()
  /** Sequences that were seen in this run. */
  private readonly seen = new Map<number, number>()
  private readonly deps: SyncDeps
  private readonly store: SyncStore
  private readonly note: (change: Bytes) => void

  /** `note`: takes what the drive got. */
  constructor(deps: SyncDeps, store: SyncStore, note: (change: Bytes) => void) {
    this.deps = deps
    this.store = store
    this.note = note
  }

  /** Merges what is new in `heads`; what cannot be had of one keeps no other from it. Errors as `OwnDrive.save`, `MetaStore.batch`; `aborted`. */
  async merge(heads: readonly FoundHead[], signal: AbortSignal): Promise<Merged> {
    const { index, device } = this.store.record
    const others = heads.filter(({ head }) => head.index !== index && !equal(head.device, device))
    const known = new Map(this.store.record.others.map((other) => [other.index, other]))
    const isKnown = ({ head, sequence }: FoundHead): boolean => {
      const other = known.get(head.index)
      return other !== undefined && other.contained && other.sequence >= sequence
    }
    const claims = new Map<number, number>()
    for (const found of others) if (isKnown(found)) claim(claims, found.head)
    let failure: AppError | undefined
    let news = false
    for (const found of others.filter((one) => !isKnown(one)).sort((a, b) => b.head.written - a.head.written)) {
      const { head, sequence } = found
      news ||= (this.seen.get(head.index) ?? 0) < sequence
      this.seen.set(head.index, sequence)
      const failed = (claims.get(head.index) ?? 0) >= sequence ? undefined : await this.take(head, signal)
      failure ??= failed
      if (failed === undefined) claim(claims, head)
      await this.see(found, failed === undefined && sequence > CLAIM)
    }
    return { news, failure }
  }

  /** The device at `index` was given up. Errors as `MetaStore.batch`. */
  async forget(index: number): Promise<void> {
    const others = this.store.record.others.filter((other) => other.index !== index)
    this.met.delete(index)
    this.seen.delete(index)
    if (others.length < this.store.record.others.length) await this.store.update({ others })
  }

  /** Applies all of a head that can be had, durably. Resolves to why it is not all. */
  private async take(head: Head, signal: AbortSignal): Promise<AppError | undefined> {
    const { own } = this.deps
    const { waiting } = own.drive
    const before = this.met.get(head.index)
    const met = new Map<string, AppError | 'applied'>()
    let failure: AppError | undefined
    const apply = async (hash: Bytes, read: () => Bytes | Promise<Bytes>): Promise<void> => {
      const key = toHex(hash)
      const result = before?.get(key) ?? (await this.apply(read, signal))
      if (result === 'applied' || HOPELESS.includes(result.code)) met.set(key, result)
      if (result !== 'applied') failure ??= result
    }
    for (const part of head.snapshot === undefined ? head.segments : [head.snapshot, ...head.segments]) await apply(part.hash, () => this.read(part, signal))
    if (head.inline.length > 0) await apply(this.deps.blake3.hash(head.inline), () => head.inline)
    this.met.set(head.index, met)
    const change = await own.save()
    if (change !== undefined) this.note(change)
    // Changes that wait for others that are nowhere: they came from here unless something waited before.
    if (failure === undefined && !waiting && own.drive.waiting) failure = new AppError('corrupt', 'drive.damaged', 'a head that does not stand by itself')
    return failure
  }

  private async apply(read: () => Bytes | Promise<Bytes>, signal: AbortSignal): Promise<AppError | 'applied'> {
    try {
      this.deps.own.drive.apply(await read())
      return 'applied'
    } catch (error) {
      throwIfAborted(signal)
      const failure = asAppError(error)
      if (HOPELESS.includes(failure.code) || failure.kind === 'bug') this.deps.report(failure)
      return failure
    }
  }

  private read(part: DrivePart, signal: AbortSignal): Promise<Bytes> {
    if (part.size > UPDATE_BYTES) throw new AppError('invalid', 'drive.large', 'a part that is too large to be merged', { data: { length: part.size } })
    return readPart(part, this.deps, signal)
  }

  /** Writes down what is known of a head now. An older one that is contained says more than a newer one that is not. */
  private async see({ head, sequence }: FoundHead, contained: boolean): Promise<void> {
    const { others, index } = this.store.record
    const old = others.find((other) => other.index === head.index)
    if (!contained && old !== undefined && (old.contained || old.sequence >= sequence)) return
    const merged = head.known.find((known) => known.index === index && known.contained)?.sequence ?? 0
    const fresh: OtherHead = { index: head.index, sequence, contained, name: head.name, written: head.written, merged }
    const newest = [fresh, ...others.filter((other) => other !== old)].sort((a, b) => b.written - a.written).slice(0, HEADS_KNOWN)
    await this.store.update({ others: newest.sort((a, b) => a.index - b.index) })
  }
}

/** Notes what a head says that it contains. */
function claim(claims: Map<number, number>, head: Head): void {
  for (const { index, sequence, contained } of head.known) if (contained) claims.set(index, Math.max(sequence, claims.get(index) ?? 0))
}
