import type { Bytes } from '../../base/bytes.ts'
import { AppError, asAppError, throwIfAborted } from '../../base/errors.ts'
import type { Span } from '../../ports/coder.ts'

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
