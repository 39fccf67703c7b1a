import type { Bytes } from '../../base/bytes.ts'
import { AppError, asAppError, throwIfAborted } from '../../base/errors.ts'
import type { Span } from '../../ports/coder.ts'

/** The bytes of a span. Throws `aborted`; `transient` (`file.unreadable`) when the file changed or vanished under it. */
export async function readSpan({ source, offset, length }: Span, signal: AbortSignal | undefined): Promise<Bytes> {
  throwIfAborted(signal)
  const bytes = await readable(async () => new Uint8Array(await source.slice(offset, offset + length).arrayBuffer()))
  throwIfAborted(signal)
  if (bytes.length !== length) throw shorter()
  return bytes
}

/** Small files read as one: more would keep the others waiting, and each read takes a browser a third of a millisecond. */
const TOGETHER = 64

/** The bytes of many small files. Errors as `readSpan`, of all when it is so for one. */
export async function readTogether(sources: readonly Blob[], signal: AbortSignal | undefined): Promise<Bytes[]> {
  const groups = Array.from({ length: Math.ceil(sources.length / TOGETHER) }, (_, i) => sources.slice(i * TOGETHER, (i + 1) * TOGETHER))
  const read = await Promise.all(groups.map(async (group) => {
    const length = group.reduce((sum, { size }) => sum + size, 0)
    const all = await readSpan({ source: new Blob([...group]), offset: 0, length }, signal)
    let next = 0
    return group.map(({ size }) => all.subarray(next, (next += size)))
  }))
  return read.flat()
}

/** Memory into which files are read again and again: what waits for a garbage collector would grow with a file. */
export class Window {
  private memory: Bytes
  private readonly size: number

  /** `size`: bytes that it holds at most. */
  constructor(size: number) {
    this.size = size
    this.memory = new Uint8Array(size)
  }

  /** The bytes of a span, a view of this memory until the next call. Errors as `readSpan`. */
  async read(span: Span, signal: AbortSignal | undefined): Promise<Bytes> {
    throwIfAborted(signal)
    const reader = byobReader(span)
    if (reader === undefined) return readSpan(span, signal)
    for (let at = 0; at < span.length; ) {
      // The stream takes the memory with it, and gives it back with what it read.
      const view = new Uint8Array(this.memory.buffer, at, span.length - at)
      const { value, done } = await readable(() => reader.read(view)).catch((error: unknown) => {
        this.memory = new Uint8Array(this.size)
        throw error
      })
      if (value !== undefined) this.memory = new Uint8Array(value.buffer)
      at += value?.length ?? 0
      if (signal?.aborted === true || (done && at < span.length)) await reader.cancel().catch(() => undefined)
      throwIfAborted(signal)
      if (done && at < span.length) throw shorter()
    }
    return this.memory.subarray(0, span.length)
  }
}

/** Not every browser has such a reader for files. */
function byobReader({ source, offset, length }: Span): ReadableStreamBYOBReader | undefined {
  try {
    return source.slice(offset, offset + length).stream().getReader({ mode: 'byob' })
  } catch {
    return undefined
  }
}

async function readable<T>(reading: () => Promise<T>): Promise<T> {
  try {
    return await reading()
  } catch (error) {
    const { message } = asAppError(error)
    throw new AppError('transient', 'file.unreadable', message, { cause: error })
  }
}

function shorter(): AppError {
  return new AppError('transient', 'file.unreadable', 'the file is shorter than it was')
}
