import type { Bytes } from '../../base/bytes.ts'
import { AppError, isAppError, throwIfAborted } from '../../base/errors.ts'
import type { Coder, FrameRef } from '../../ports/coder.ts'

/** Frames opened in one call of the coder, and bytes of them: enough that the call costs little, few enough that the first reader does not wait for the last. */
const TOGETHER = 64
const TOGETHER_BYTES = 1024 * 1024

/** A frame of a pack that somebody waits for. */
interface Wanted {
  readonly pack: Bytes
  readonly frame: FrameRef
  readonly signal: AbortSignal
  readonly opened: PromiseWithResolvers<Bytes>
}

/** Opens frames of packs: what is asked for while the coder is busy goes to it in one call. */
export class Opener {
  private waiting: Wanted[] = []
  private calls = 0
  private readonly coder: Coder

  constructor(coder: Coder) {
    this.coder = coder
  }

  /** The plaintext of a frame in `pack`, which is only read. Errors as `Coder.open`. */
  open(pack: Bytes, frame: FrameRef, signal: AbortSignal): Promise<Bytes> {
    throwIfAborted(signal)
    const opened = Promise.withResolvers<Bytes>()
    const leave = (): void => { opened.reject(new AppError('aborted', 'aborted', 'cancelled', { cause: signal.reason })) }
    signal.addEventListener('abort', leave, { once: true })
    this.waiting.push({ pack, frame, signal, opened })
    // After this turn of the event loop's queue of promises: readers that were woken together ask together.
    void Promise.resolve().then(() => this.next())
    return opened.promise.finally(() => { signal.removeEventListener('abort', leave) })
  }

  private next(): void {
    while (this.waiting.length > 0 && this.calls < this.coder.lanes) {
      const batch = this.batch()
      this.calls++
      void this.call(batch).finally(() => {
        this.calls--
        this.next()
      })
    }
  }

  private batch(): Wanted[] {
    let bytes = 0
    let count = 0
    for (const { frame } of this.waiting) {
      bytes += Math.max(frame.length, frame.size)
      if (count > 0 && (count === TOGETHER || bytes > TOGETHER_BYTES)) break
      count++
    }
    return this.waiting.splice(0, count)
  }

  private async call(batch: readonly Wanted[]): Promise<void> {
    const live = batch.filter(({ signal }) => !signal.aborted)
    if (live.length === 0) return
    // One reader alone may take his frame with him; what others wait for goes on.
    const signal = live.length === 1 ? live[0]?.signal : undefined
    try {
      const plaintexts = await this.coder.open(live.map(({ pack, frame }) => ({ sealed: pack.slice(frame.offset, frame.offset + frame.length), frame })), signal)
      live.forEach(({ opened }, i) => opened.resolve(plaintexts[i] ?? new Uint8Array(0)))
    } catch (error) {
      // One that is damaged must not take the others with it.
      if (live.length > 1 && isAppError(error) && error.kind !== 'aborted') for (const one of live) await this.call([one])
      else for (const { opened } of live) opened.reject(error)
    }
  }
}
