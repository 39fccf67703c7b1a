import { AppError, fromPlainError, toPlainError, type PlainError } from '../../base/errors.ts'
import type { ChunkRows, Coder, CoderKeys, FrameRef, Piece, Redundancy, SealedFrame } from '../../ports/coder.ts'

/** The jobs of a `Coder`, each with its arguments but for the signal. */
export type Job =
  | { readonly name: 'cut'; readonly args: readonly [source: Blob, offset: number, keys: CoderKeys] }
  | { readonly name: 'identify'; readonly args: readonly [sources: readonly Blob[], keys: CoderKeys] }
  | { readonly name: 'encode'; readonly args: readonly [pieces: readonly Piece[], keys: CoderKeys, redundancy: Redundancy] }
  | { readonly name: 'decode'; readonly args: readonly [rows: ChunkRows, frame: FrameRef] }
  | { readonly name: 'join'; readonly args: readonly [rows: ChunkRows] }
  | { readonly name: 'open'; readonly args: readonly [frames: readonly SealedFrame[]] }

/** Pool → worker: a job, one at a time, or that the running one is not wanted any more. */
export type CoderRequest = { readonly job: Job } | { readonly abort: true }

/** Worker → pool: how the job ended. */
export type CoderReply = { readonly value: unknown } | { readonly error: PlainError }

/** The other side, for the pool and for a worker. */
export interface CoderPort {
  /** Sends a message; the buffers in `transfer` move there. */
  post(message: unknown, transfer: ArrayBuffer[]): void
  /** Calls `listener` with each message from now on. */
  listen(listener: (message: unknown) => void): void
}

/** Runs the jobs that come through `port`, until the worker is terminated. A coder that failed to load fails every job the same way. */
export function serveCoder(port: CoderPort, loading: Promise<Coder>): void {
  // Whoever asks for a job is told.
  loading.catch(() => undefined)
  let running: AbortController | undefined
  const run = async (job: Job): Promise<void> => {
    const controller = new AbortController()
    running = controller
    try {
      const value = await runJob(await loading, job, controller.signal)
      port.post({ value } satisfies CoderReply, buffersOf(value))
    } catch (error) {
      port.post({ error: toPlainError(error) } satisfies CoderReply, [])
    }
  }
  port.listen((message) => {
    const request = message as CoderRequest
    if ('abort' in request) running?.abort()
    else void run(request.job)
  })
}

function runJob(coder: Coder, job: Job, signal: AbortSignal): Promise<unknown> {
  switch (job.name) {
    case 'cut':
      return coder.cut(...job.args, signal)
    case 'identify':
      return coder.identify(...job.args, signal)
    case 'encode':
      return coder.encode(...job.args, signal)
    case 'decode':
      return coder.decode(...job.args, signal)
    case 'join':
      return coder.join(...job.args, signal)
    case 'open':
      return coder.open(...job.args, signal)
  }
}

/** The value of a reply. Throws the worker's error, with its code, kind and cause. */
export function readReply(reply: CoderReply): unknown {
  if ('error' in reply) throw fromPlainError(reply.error)
  return reply.value
}

/** Messages nest no deeper than this; a cycle must not hang the search for buffers. */
const MAX_DEPTH = 6

/** Smaller arrays (keys, hashes, roots) are copied: keys are used again, and moving a few bytes saves nothing. */
const MIN_TRANSFER = 1024

/** The large buffers in `value`, each once: what `postMessage` is to move instead of copying. */
export function buffersOf(value: unknown): ArrayBuffer[] {
  const found = new Set<ArrayBuffer>()
  const visit = (part: unknown, depth: number): void => {
    if (depth > MAX_DEPTH) throw new AppError('bug', 'coder.message', 'a message nests too deep')
    if (part instanceof Uint8Array) {
      if (part.buffer instanceof ArrayBuffer && part.buffer.byteLength >= MIN_TRANSFER) found.add(part.buffer)
    } else if (Array.isArray(part)) {
      for (const item of part) visit(item, depth + 1)
    } else if (typeof part === 'object' && part !== null && !(part instanceof Blob)) {
      for (const item of Object.values(part)) visit(item, depth + 1)
    }
  }
  visit(value, 0)
  return [...found]
}
