import { toHex } from '../../base/bytes.ts'
import { isAppError } from '../../base/errors.ts'
import type { Coder, CoderKeys, Redundancy } from '../../ports/coder.ts'
import { codedBytes } from './cutter.ts'
import type { Keeper, Member } from './keeper.ts'
import type { Outbox } from './outbox.ts'

/** Plaintext of one pack at most (docs/formats/chunk.md 4). */
export const PACK_BYTES = 4 * 1024 * 1024

export interface PackerDeps {
  readonly coder: Coder
  readonly keeper: Keeper
  readonly outbox: Outbox
  readonly redundancy: Redundancy
  /** One file of a pack cannot be stored. */
  readonly failed: (member: Member, error: unknown) => void
}

/** Gathers small files into packs, several of which are sealed at once. */
export class Packer {
  private members: Member[] = []
  private keys: CoderKeys | undefined
  /** Packs being sealed and written down, with the ids of their pieces. */
  private readonly writing = new Map<Promise<void>, readonly string[]>()
  private readonly deps: PackerDeps

  constructor(deps: PackerDeps) {
    this.deps = deps
  }

  get waiting(): boolean {
    return this.members.length > 0
  }

  /** Adds a small file; writes the pack first when it would grow too large, or has the same content already (which is then known). */
  async add(member: Member, keys: CoderKeys, signal: AbortSignal): Promise<void> {
    const id = toHex(member.piece.id)
    const bytes = this.members.reduce((sum, { piece }) => sum + piece.length, member.piece.length)
    const twin = this.members.some(({ piece }) => toHex(piece.id) === id)
    if (bytes > PACK_BYTES || twin || (this.keys !== undefined && this.keys !== keys)) await this.flush(signal)
    for (const [pack, ids] of this.writing) if (ids.includes(id)) await pack
    const known = await this.deps.keeper.known(member, signal)
    if (known !== undefined && (await this.deps.keeper.refer(member, known))) return
    this.members.push(member)
    this.keys = keys
  }

  /** Begins to seal and keep what was gathered; waits while enough packs are on their way. Never rejects: failures of files go to `failed`. */
  async flush(signal: AbortSignal): Promise<void> {
    const members = this.members.filter(({ file }) => !file.control.signal.aborted)
    const keys = this.keys
    this.members = []
    this.keys = undefined
    if (members.length === 0 || keys === undefined) return
    const pack = this.store(members, keys, signal)
    this.writing.set(pack, members.map(({ piece }) => toHex(piece.id)))
    void pack.then(() => this.writing.delete(pack))
    const [oldest] = this.writing.keys()
    if (this.writing.size > this.deps.coder.lanes) await oldest
  }

  /** Resolves when no pack is on its way. */
  async settled(): Promise<void> {
    await Promise.all(this.writing.keys())
  }

  private async store(members: readonly Member[], keys: CoderKeys, signal: AbortSignal): Promise<void> {
    try {
      await this.write(members, keys, signal)
    } catch (error) {
      if (signal.aborted) return
      const alone = isAppError(error, 'transient') && members.length > 1
      for (const member of members) await this.single(member, keys, alone ? undefined : error, signal)
    }
  }

  /** One file that changed must not stop its neighbours: each is tried alone. */
  private async single(member: Member, keys: CoderKeys, error: unknown, signal: AbortSignal): Promise<void> {
    if (error !== undefined) {
      this.deps.failed(member, error)
      return
    }
    try {
      await this.write([member], keys, signal)
    } catch (cause) {
      if (!signal.aborted) this.deps.failed(member, cause)
    }
  }

  private async write(members: readonly Member[], keys: CoderKeys, signal: AbortSignal): Promise<void> {
    const { coder, outbox, keeper, redundancy } = this.deps
    const pieces = members.map(({ piece }) => piece)
    const reserved = codedBytes(pieces, redundancy)
    await outbox.gate.enter(reserved, signal)
    try {
      await keeper.keep(members, await coder.encode(pieces, keys, redundancy, signal))
    } finally {
      outbox.gate.leave(reserved)
    }
  }
}
