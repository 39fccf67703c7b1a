import { equal, toHex } from '../../base/bytes.ts'
import { AppError } from '../../base/errors.ts'
import type { Blake3 } from '../../ports/blake3.ts'
import type { Piece } from '../../ports/coder.ts'
import type { Plaintext } from '../../seal/chunk.ts'
import { readSpan } from './span.ts'

/** A plaintext in memory. */
export interface Held extends Plaintext {
  /** Nobody needs it any more. */
  readonly release: () => void
}

/**
 * Plaintexts of pieces. Those that were just cut or identified are held until the next ones are, since mostly they are sealed right away; others are
 * read again.
 */
export class Plaintexts {
  private readonly blake3: Blake3
  private held = new Map<string, Held>()

  constructor(blake3: Blake3) {
    this.blake3 = blake3
  }

  /** Holds these, and no longer those before. */
  hold(plaintexts: readonly Held[]): void {
    for (const { release } of this.held.values()) release()
    this.held = new Map()
    for (const one of plaintexts) {
      const name = toHex(one.hash)
      if (this.held.has(name)) one.release()
      else this.held.set(name, one)
    }
  }

  /**
   * The plaintext of `piece`, no longer held. Errors: `aborted`; `transient` `file.unreadable`, or `file.changed` when the file does not have it any more.
   */
  async take(piece: Piece, signal: AbortSignal | undefined): Promise<Held> {
    const name = toHex(piece.hash)
    const held = this.held.get(name)
    this.held.delete(name)
    if (held !== undefined) return held
    const bytes = await readSpan(piece, signal)
    if (!equal(this.blake3.hash(bytes), piece.hash)) throw new AppError('transient', 'file.changed', 'the file changed since it was looked at')
    return { bytes, hash: piece.hash, release: () => undefined }
  }
}
