import { AppError } from '../base/errors.ts'
import type { Bytes } from '../base/bytes.ts'
import { malformed, Writer } from '../formats/codec.ts'
import type { ByteStream } from '../ports/network.ts'
import { MAX_FRAME } from './limits.ts'

/** Bytes of the length before each frame. */
const HEAD = 4

/** What `body` writes, with its length before it, 4 bytes big-endian: large fields are copied once. Throws `bug` `frame.oversized`, and what `body` throws. */
export function frame(body: (to: Writer) => void): Bytes {
  const writer = new Writer()
  writer.push(new Uint8Array(HEAD))
  body(writer)
  const out = writer.finish()
  const length = out.length - HEAD
  if (length === 0 || length > MAX_FRAME) throw new AppError('bug', 'frame.oversized', `a frame of ${String(length)} bytes`)
  new DataView(out.buffer).setUint32(0, length)
  return out
}

/** Cuts a stream of bytes into frames. Holds at most one frame and what the stream handed out beyond it. */
export class FrameReader {
  private readonly stream: Pick<ByteStream, 'read'>
  private parts: Uint8Array[] = []
  private held = 0

  constructor(stream: Pick<ByteStream, 'read'>) {
    this.stream = stream
  }

  /**
   * The next frame's body, or `null` when the stream ended between two frames.
   * Throws `invalid` `frame.oversized` for a length of 0 or over `MAX_FRAME`, before any of it is waited for; `transient` `stream.lost` when the stream broke, or ended inside a frame.
   */
  async next(): Promise<Bytes | null> {
    if (!(await this.fill(HEAD))) {
      if (this.held === 0) return null
      throw cut()
    }
    const head = this.take(HEAD)
    const length = new DataView(head.buffer).getUint32(0)
    if (length === 0 || length > MAX_FRAME) throw malformed('frame.oversized', `a frame of ${String(length)} bytes`)
    if (!(await this.fill(length))) throw cut()
    return this.take(length)
  }

  private async fill(length: number): Promise<boolean> {
    while (this.held < length) {
      const part = await this.stream.read()
      if (part === null) return false
      this.parts.push(part)
      this.held += part.length
    }
    return true
  }

  /** The first `length` of the bytes held, as a copy of their own. */
  private take(length: number): Bytes {
    const out = new Uint8Array(length)
    let at = 0
    let used = 0
    for (let part = this.parts[used]; part !== undefined && at < length; part = this.parts[used]) {
      const piece = part.subarray(0, length - at)
      out.set(piece, at)
      at += piece.length
      if (piece.length === part.length) used++
      else this.parts[used] = part.subarray(piece.length)
    }
    this.parts.splice(0, used)
    this.held -= length
    return out
  }
}

function cut(): AppError {
  return new AppError('transient', 'stream.lost', 'the stream ended inside a frame')
}
