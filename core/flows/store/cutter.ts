import { AppError } from '../../base/errors.ts'
import { Gate } from '../../base/gate.ts'
import type { PieceRecord } from '../../formats/list.ts'
import type { CodedChunk, Coder, CoderKeys, Piece, Redundancy } from '../../ports/coder.ts'
import type { FileEntry } from '../list/entry.ts'
import type { Keeper, Member } from './keeper.ts'
import type { Outbox } from './outbox.ts'

/** A small gain of size that sealing may bring: header, tags, padding (Padmé: at most 12 %). */
const SEALING = 1.13
/** Chunks coded or being coded beyond the coder's lanes, so that none of these waits for the disk. */
const AHEAD = 1
/** Chunks known beyond those, so that a lane has the next ones to look at while others are coded. */
const KNOWN_AHEAD = 4

export interface CutterDeps {
  readonly coder: Coder
  readonly keeper: Keeper
  readonly outbox: Outbox
  readonly redundancy: Redundancy
}

/** What became of a piece: known already, or coded, with the part of the outbox's budget that it holds. */
type Prepared = Coded | { readonly member: Member; readonly known: PieceRecord }

interface Coded {
  readonly member: Member
  readonly coded: CodedChunk
  readonly reserved: number
}

/** Cuts, seals and codes files of 1 MiB and more: several chunks at once, written down in their order. */
export class Cutter {
  private readonly deps: CutterDeps

  constructor(deps: CutterDeps) {
    this.deps = deps
  }

  /**
   * Stores `source` from where the record of `file` says. Errors: `aborted`; `quota` `storage.full`; `transient` `file.unreadable`, `file.changed`.
   * What was recorded before an error stays, and a later call goes on there.
   */
  async cut(file: FileEntry, source: Blob, keys: CoderKeys, signal: AbortSignal): Promise<void> {
    const control = new AbortController()
    const stop = AbortSignal.any([signal, control.signal])
    const coding = new Gate(this.deps.coder.lanes + AHEAD)
    const jobs: Promise<Prepared>[] = []
    let turn: Promise<unknown> = Promise.resolve()
    try {
      let offset = file.record.sealedBytes
      while (offset < source.size) {
        const pieces = await this.deps.coder.cut(source, offset, keys, stop)
        if (pieces.length === 0) throw new AppError('bug', 'cutter.stuck', 'no chunk where the file goes on')
        for (const piece of pieces) {
          offset += piece.length
          const admitted = this.admit({ file, piece }, turn, coding, stop)
          admitted.catch(() => undefined)
          turn = admitted
          const job = this.prepare({ file, piece }, admitted, keys, stop)
          job.catch(() => undefined)
          jobs.push(job)
        }
        while (jobs.length > this.deps.coder.lanes + AHEAD + KNOWN_AHEAD) await this.finish(jobs.shift(), keys, coding, stop)
      }
      while (jobs.length > 0) await this.finish(jobs.shift(), keys, coding, stop)
    } finally {
      control.abort()
      await this.giveBack(jobs)
    }
  }

  /**
   * What is known of a piece, else waits until it may be coded: in the order of the file, since they are written down in that, and one that went
   * before its turn would hold what the one before it waits for. After a failure nothing more is admitted.
   */
  private async admit(member: Member, before: Promise<unknown>, coding: Gate, signal: AbortSignal): Promise<PieceRecord | undefined> {
    const asked = this.deps.keeper.known(member, signal)
    asked.catch(() => undefined)
    await before
    const known = await asked
    if (known === undefined) await coding.enter(1, signal)
    return known
  }

  private async prepare(member: Member, admitted: Promise<PieceRecord | undefined>, keys: CoderKeys, signal: AbortSignal): Promise<Prepared> {
    const known = await admitted
    if (known !== undefined) return { member, known }
    const reserved = codedBytes([member.piece], this.deps.redundancy)
    await this.deps.outbox.gate.enter(reserved, signal)
    return await this.code(member, reserved, keys, signal)
  }

  /** `reserved` bytes of the outbox are taken for it. */
  private async code(member: Member, reserved: number, keys: CoderKeys, signal: AbortSignal): Promise<Coded> {
    try {
      const coded = await this.deps.coder.encode([member.piece], keys, this.deps.redundancy, signal)
      return { member, coded, reserved }
    } catch (error) {
      this.deps.outbox.gate.leave(reserved)
      throw error
    }
  }

  private async finish(job: Promise<Prepared> | undefined, keys: CoderKeys, coding: Gate, signal: AbortSignal): Promise<void> {
    const prepared = await job
    if (prepared === undefined) return
    if ('coded' in prepared) {
      await this.keep(prepared)
      coding.leave(1)
    } else if (!(await this.deps.keeper.refer(prepared.member, prepared.known))) {
      // Not known any more. Those behind it hold their part of the outbox until it is kept, so it must not wait for one.
      const reserved = codedBytes([prepared.member.piece], this.deps.redundancy)
      this.deps.outbox.gate.force(reserved)
      await this.keep(await this.code(prepared.member, reserved, keys, signal))
    }
  }

  private async keep({ member, coded, reserved }: Coded): Promise<void> {
    try {
      await this.deps.keeper.keep([member], coded)
    } finally {
      this.deps.outbox.gate.leave(reserved)
    }
  }

  /** What was coded but will not be kept gives its part of the budget back. */
  private async giveBack(jobs: readonly Promise<Prepared>[]): Promise<void> {
    for (const result of await Promise.allSettled(jobs)) {
      if (result.status === 'fulfilled' && 'coded' in result.value) this.deps.outbox.gate.leave(result.value.reserved)
    }
  }
}

/** About how many bytes of shards come of `pieces`. */
export function codedBytes(pieces: readonly Piece[], { k, n }: Redundancy): number {
  const plain = pieces.reduce((sum, { length }) => sum + length, 0)
  return Math.ceil((plain * SEALING * n) / k) + n * 64
}
