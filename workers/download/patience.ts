import { AppError, isAppError } from '../../core/base/errors.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { FileSource } from './stream.ts'

/** Hosts that are away are asked again after this, in ms, for as long as the reader has patience. */
const AGAIN_MS = 5000

/** `source`, but that it waits for hosts that are away and goes on where it was: they come back. */
export function patient(source: FileSource, clock: Clock): FileSource {
  return {
    head: source.head,
    async *read(range, signal, tell) {
      let at = range.start
      while (at < range.end) {
        try {
          for await (const part of source.read({ start: at, end: range.end }, signal)) {
            at += part.length
            yield part
          }
          if (at < range.end) throw new AppError('corrupt', 'download.length', 'the file ended early')
        } catch (error) {
          if (!isAppError(error, 'transient') || signal.aborted) throw error
          tell?.(error)
          await clock.sleep(AGAIN_MS, signal)
        }
      }
    },
  }
}
