import { equal, toHex, type Bytes } from '../../base/bytes.ts'
import { AppError, asAppError, throwIfAborted } from '../../base/errors.ts'
import type { Blake3 } from '../../ports/blake3.ts'
import type { Piece, Span } from '../../ports/coder.ts'
import type { Plaintext } from '../../seal/chunk.ts'
import { Room } from './room.ts'

/** Rooms kept for the next chunk: one being filled while another is sealed. */
const SPARE = 2

/** A plaintext in memory; `room` is what it lies in, where that is to be given back. */
export interface Held extends Plaintext {
  readonly room?: Room
}

/**
 * Plaintexts of pieces. Those that were just cut or identified are held until the next ones are, since mostly they are sealed right away; others are
 * read again.
 */
export class Plaintexts {
  private readonly blake3: Blake3
  private readonly rooms: Room[] = []
  private held = new Map<string, Held>()

  constructor(blake3: Blake3) {
    this.blake3 = blake3
  }

  takeRoom(): Room {
    return this.rooms.pop() ?? new Room()
  }

  giveRoom(room: Room | undefined): void {
    if (room !== undefined && this.rooms.length < SPARE) this.rooms.push(room)
  }

  /** Holds these, and no longer those before. */
  hold(plaintexts: readonly Held[]): void {
    for (const { room } of this.held.values()) this.giveRoom(room)
    this.held = new Map(plaintexts.map((one) => [toHex(one.hash), one]))
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
    return { bytes, hash: piece.hash }
  }
}

/** The bytes of a span. Throws `aborted`; `transient` (`file.unreadable`) when the file changed or vanished under it. */
export async function readSpan({ source, offset, length }: Span, signal: AbortSignal | undefined): Promise<Bytes> {
  throwIfAborted(signal)
  let bytes: Bytes
  try {
    bytes = new Uint8Array(await source.slice(offset, offset + length).arrayBuffer())
  } catch (error) {
    const { message } = asAppError(error)
    throw new AppError('transient', 'file.unreadable', message, { cause: error })
  }
  throwIfAborted(signal)
  if (bytes.length !== length) throw new AppError('transient', 'file.unreadable', 'the file is shorter than it was')
  return bytes
}
