import { AppError, throwIfAborted } from '../core/base/errors.ts'
import type { Coder } from '../core/ports/coder.ts'
import { buffersOf, readReply, type CoderPort, type CoderReply, type CoderRequest, type Job } from './coder-protocol.ts'

/** What the pool needs of a `Worker`. */
export interface CoderWorker extends CoderPort {
  onerror: ((event: ErrorEvent) => void) | null
  terminate(): void
}

export interface CoderPoolOptions {
  /** Jobs at once. */
  readonly lanes: number
  readonly spawn: () => CoderWorker
  /** How long an aborted job may still run before its worker is replaced, in ms. */
  readonly grace?: number
}

/** Beyond 8 workers the disk and the network are slower than the coder, and each worker holds a chunk. */
const MAX_LANES = 8

/** Steps of a job are shorter than this; only kernels over a whole chunk are longer, and those are not waited for. */
const GRACE_MS = 60

/** Jobs waiting: flows start about as many as there are lanes, so a longer queue means that somebody forgot to wait. */
const MAX_QUEUED = 256

/** One worker per core of this machine. */
export function lanesFor(cores: number): number {
  return Math.max(1, Math.min(MAX_LANES, cores))
}

/** A job on its way. */
interface Ticket {
  readonly job: Job
  readonly signal: AbortSignal | undefined
  resolve(value: unknown): void
  reject(error: unknown): void
  /** Whether a worker already died over it. */
  retried: boolean
}

interface Lane {
  worker: CoderWorker | undefined
  ticket: Ticket | undefined
}

/**
 * A `Coder` over workers. A cancelled job rejects at once and frees its lane within `grace`; a worker that dies is replaced, and its job started
 * again once, if its buffers are still here. Errors: those of `Coder`; `transient` `coder.crashed`, `coder.busy`.
 */
export function createCoderPool(options: CoderPoolOptions): Coder {
  const pool = new CoderPool(options)
  const run = <T>(job: Job, signal: AbortSignal | undefined): Promise<T> => pool.run(job, signal) as Promise<T>
  return {
    lanes: options.lanes,
    cut: (source, offset, keys, signal) => run({ name: 'cut', args: [source, offset, keys] }, signal),
    identify: (source, keys, signal) => run({ name: 'identify', args: [source, keys] }, signal),
    encode: (pieces, keys, redundancy, signal) => run({ name: 'encode', args: [pieces, keys, redundancy] }, signal),
    decode: (rows, frame, signal) => run({ name: 'decode', args: [rows, frame] }, signal),
    join: (rows, signal) => run({ name: 'join', args: [rows] }, signal),
    open: (sealed, frame, signal) => run({ name: 'open', args: [sealed, frame] }, signal),
    close: () => {
      pool.close()
    },
  }
}

class CoderPool {
  private readonly options: CoderPoolOptions
  private readonly lanes: Lane[]
  /** Storing and reading take turns, so that a long upload never holds up a player. */
  private readonly queues = { store: [] as Ticket[], read: [] as Ticket[] }
  private readNext = true
  private closed = false

  constructor(options: CoderPoolOptions) {
    this.options = options
    this.lanes = Array.from({ length: options.lanes }, () => ({ worker: undefined, ticket: undefined }))
  }

  async run(job: Job, signal: AbortSignal | undefined): Promise<unknown> {
    throwIfAborted(signal)
    if (this.closed) throw new AppError('aborted', 'aborted', 'the coder is closed')
    if (this.queues.store.length + this.queues.read.length >= MAX_QUEUED) {
      throw new AppError('transient', 'coder.busy', 'too many jobs wait for the coder')
    }
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const ticket: Ticket = { job, signal, resolve, reject, retried: false }
    const abort = (): void => {
      this.abort(ticket)
    }
    signal?.addEventListener('abort', abort, { once: true })
    this.queueOf(ticket).push(ticket)
    this.next()
    try {
      return await promise
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }

  close(): void {
    this.closed = true
    const waiting = [...this.queues.store.splice(0), ...this.queues.read.splice(0), ...this.lanes.map((lane) => lane.ticket)]
    for (const lane of this.lanes) this.drop(lane)
    for (const ticket of waiting) ticket?.reject(new AppError('aborted', 'aborted', 'the coder is closed'))
  }

  private queueOf(ticket: Ticket): Ticket[] {
    return reads(ticket) ? this.queues.read : this.queues.store
  }

  /** Gives waiting jobs to idle lanes. */
  private next(): void {
    for (const lane of this.lanes) {
      if (lane.ticket !== undefined) continue
      const ticket = this.take()
      if (ticket === undefined) return
      this.start(lane, ticket)
    }
  }

  private take(): Ticket | undefined {
    const { store, read } = this.queues
    const [first, second] = this.readNext ? [read, store] : [store, read]
    const ticket = first.shift() ?? second.shift()
    if (ticket !== undefined) this.readNext = !reads(ticket)
    return ticket
  }

  private start(lane: Lane, ticket: Ticket): void {
    lane.ticket = ticket
    try {
      lane.worker ??= this.spawn(lane)
      lane.worker.postMessage({ job: ticket.job } satisfies CoderRequest, buffersOf(ticket.job.args))
    } catch (error) {
      lane.ticket = undefined
      ticket.reject(error)
    }
  }

  private spawn(lane: Lane): CoderWorker {
    const worker = this.options.spawn()
    worker.onmessage = ({ data }: MessageEvent<CoderReply>) => {
      if (lane.worker === worker) this.ended(lane, data)
    }
    worker.onerror = (event) => {
      event.preventDefault()
      if (lane.worker === worker) this.crashed(lane, event.message)
    }
    return worker
  }

  private ended(lane: Lane, reply: CoderReply): void {
    const ticket = lane.ticket
    lane.ticket = undefined
    // After a mistake of ours, a trap in a kernel included, nothing in that realm is to be relied on.
    if ('error' in reply && reply.error.kind === 'bug') this.drop(lane)
    try {
      ticket?.resolve(readReply(reply))
    } catch (error) {
      ticket?.reject(error)
    }
    this.next()
  }

  private crashed(lane: Lane, message: string): void {
    const ticket = lane.ticket
    this.drop(lane)
    if (ticket !== undefined && ticket.signal?.aborted !== true) {
      if (ticket.retried || reads(ticket)) {
        ticket.reject(new AppError('transient', 'coder.crashed', message))
      } else {
        ticket.retried = true
        this.queueOf(ticket).unshift(ticket)
      }
    }
    this.next()
  }

  private abort(ticket: Ticket): void {
    ticket.reject(new AppError('aborted', 'aborted', 'cancelled', { cause: ticket.signal?.reason as unknown }))
    const queue = this.queueOf(ticket)
    const at = queue.indexOf(ticket)
    if (at >= 0) queue.splice(at, 1)
    const lane = this.lanes.find((one) => one.ticket === ticket)
    if (lane?.worker === undefined) return
    lane.worker.postMessage({ abort: true } satisfies CoderRequest, [])
    setTimeout(() => {
      if (lane.ticket !== ticket) return
      this.drop(lane)
      this.next()
    }, this.options.grace ?? GRACE_MS)
  }

  private drop(lane: Lane): void {
    lane.worker?.terminate()
    lane.worker = undefined
    lane.ticket = undefined
  }
}

/** Whether a job is given rows, which are moved to the worker and die with it. Those that store only name files. */
function reads({ job }: Ticket): boolean {
  return job.name === 'decode' || job.name === 'join' || job.name === 'open'
}
