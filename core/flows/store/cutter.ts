import { AppError } from '../../base/errors.ts'
import type { PieceRecord } from '../../formats/list.ts'
import type { CodedChunk, Coder, CoderKeys, Piece, Redundancy } from '../../ports/coder.ts'
import type { FileEntry } from '../list/entry.ts'
import type { Keeper, Member } from './keeper.ts'
import type { Outbox } from './outbox.ts'

/** A small gain of size that sealing may bring: header, tags, padding (Padmé: at most 12 %). */
const SEALING = 1.13
/** Coded beyond the coder's lanes, so that none of them waits for the disk. */
const AHEAD = 1

export interface CutterDeps {
  readonly coder: Coder
  readonly keeper: Keeper
  readonly outbox: Outbox
  readonly redundancy: Redundancy
}

/** What became of a piece: known already, or coded, with the part of the outbox's budget that it holds. */
type Prepared = { readonly member: Member } & (
  | { readonly known: PieceRecord }
  | { readonly coded: CodedChunk; readonly reserved: number }
)

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
    const jobs: Promise<Prepared>[] = []
    try {
      let offset = file.record.sealedBytes
      while (offset < source.size) {
        const piece = await this.deps.coder.cut(source, offset, keys, stop)
        if (piece.length < 1) throw new AppError('bug', 'cutter.stuck', 'a chunk without bytes')
        offset += piece.length
        const job = this.prepare({ file, piece }, keys, stop)
        job.catch(() => undefined)
        jobs.push(job)
        if (jobs.length > this.deps.coder.lanes + AHEAD) await this.finish(jobs.shift(), keys, stop)
      }
      while (jobs.length > 0) await this.finish(jobs.shift(), keys, stop)
    } finally {
      control.abort()
      await this.giveBack(jobs)
    }
  }

  private async prepare(member: Member, keys: CoderKeys, signal: AbortSignal): Promise<Prepared> {
    const known = await this.deps.keeper.known(member, signal)
    return known === undefined ? await this.code(member, keys, signal) : { member, known }
  }

  private async code(member: Member, keys: CoderKeys, signal: AbortSignal): Promise<Prepared> {
    const reserved = codedBytes([member.piece], this.deps.redundancy)
    await this.deps.outbox.gate.enter(reserved, signal)
    try {
      const coded = await this.deps.coder.encode([member.piece], keys, this.deps.redundancy, signal)
      return { member, coded, reserved }
    } catch (error) {
      this.deps.outbox.gate.leave(reserved)
      throw error
    }
  }

  private async finish(job: Promise<Prepared> | undefined, keys: CoderKeys, signal: AbortSignal): Promise<void> {
    let prepared = await job
    if (prepared === undefined) return
    if ('known' in prepared) {
      if (await this.deps.keeper.refer(prepared.member, prepared.known)) return
      prepared = await this.code(prepared.member, keys, signal)
    }
    if (!('coded' in prepared)) return
    try {
      await this.deps.keeper.keep([prepared.member], prepared.coded)
    } finally {
      this.deps.outbox.gate.leave(prepared.reserved)
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
