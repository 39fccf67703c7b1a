import type { Bytes } from '../../base/bytes.ts'
import { FRAME_HEADER, PLAINTEXT_BYTES } from '../../formats/frame.ts'
import { padme } from '../../seal/padme.ts'

/** Holds a chunk of average length; twice and four times as much comes when a chunk is longer. */
const FIRST = roomFor(4 * 1024 * 1024)
const LARGEST = roomFor(PLAINTEXT_BYTES)

/** Bytes of a room for `length` bytes of plaintext: a padded frame. */
function roomFor(length: number): number {
  return padme(FRAME_HEADER + length)
}

/** Memory for one plaintext at a time, with room around it for the header and padding of its frame, so that sealing copies nothing. */
export class Room {
  private memory: Bytes = new Uint8Array(FIRST)

  /** The first `length` bytes of plaintext. */
  plaintext(length: number): Bytes {
    return this.memory.subarray(FRAME_HEADER, FRAME_HEADER + length)
  }

  /** All of it; the plaintext begins behind a frame's header. */
  get around(): Bytes {
    return this.memory
  }

  /** Makes room for `length` bytes of plaintext; those that are there stay. */
  reserve(length: number): void {
    const wanted = roomFor(length)
    if (wanted <= this.memory.length) return
    const larger = new Uint8Array(Math.min(LARGEST, Math.max(wanted, 2 * this.memory.length)))
    larger.set(this.memory)
    this.memory = larger
  }
}
