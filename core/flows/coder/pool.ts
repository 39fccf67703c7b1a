import { toHex } from '../../base/bytes.ts'
import { AppError, throwIfAborted } from '../../base/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Coder, Piece } from '../../ports/coder.ts'
import { buffersOf, readReply, type CoderPort, type CoderReply, type CoderRequest, type Job } from './protocol.ts'

/** A worker that runs `serveCoder`: a browser's, or a thread of Node. */
export interface CoderWorker extends CoderPort {
  /** Calls `listener` when the worker dies by itself. */
  onCrash(listener: (reason: string) => void): void
  terminate(): void
}

export interface CoderPoolOptions {
  /** Jobs at once. */
  readonly lanes: number
  readonly spawn: () => CoderWorker
  readonly clock: Pick<Clock, 'sleep'>
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
  /** Hashes of the pieces whose plaintext its worker still holds: those of the last job that cut or identified. */
  held: ReadonlySet<string>
}

const NOTHING: ReadonlySet<string> = new Set()

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
    identify: (sources, keys, signal) => run({ name: 'identify', args: [sources, keys] }, signal),
    encode: (pieces, keys, redundancy, signal) => run({ name: 'encode', args: [pieces, keys, redundancy] }, signal),
    decode: (rows, frame, signal) => run({ name: 'decode', args: [rows, frame] }, signal),
    join: (rows, signal) => run({ name: 'join', args: [rows] }, signal),
    open: (frames, signal) => run({ name: 'open', args: [frames] }, signal),
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
    this.lanes = Array.from({ length: options.lanes }, () => ({ worker: undefined, ticket: undefined, held: NOTHING }))
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
    for (;;) {
      const idle = this.lanes.filter(({ ticket }) => ticket === undefined)
      const ticket = idle.length === 0 ? undefined : this.take()
      if (ticket === undefined) return
      this.start(bestLane(idle, ticket.job), ticket)
    }
  }

  private take(): Ticket | undefined {
    const { store, read } = this.queues
    const [first, second] = this.readNext ? [read, store] : [store, read]
    const ticket = this.takeFrom(first) ?? this.takeFrom(second)
    if (ticket !== undefined) this.readNext = !reads(ticket)
    return ticket
  }

  /** The first job of a queue, unless a later one finds its plaintext in an idle lane, and the first finds none. */
  private takeFrom(queue: Ticket[]): Ticket | undefined {
    const idle = this.lanes.filter(({ ticket }) => ticket === undefined)
    const at = queue.findIndex(({ job }) => idle.some((lane) => holds(lane, job)))
    return queue.splice(Math.max(0, at), 1)[0]
  }

  private start(lane: Lane, ticket: Ticket): void {
    lane.ticket = ticket
    try {
      lane.worker ??= this.spawn(lane)
      lane.worker.post({ job: ticket.job } satisfies CoderRequest, buffersOf(ticket.job.args))
    } catch (error) {
      lane.ticket = undefined
      ticket.reject(error)
    }
  }

  private spawn(lane: Lane): CoderWorker {
    const worker = this.options.spawn()
    worker.listen((message) => {
      if (lane.worker === worker) this.ended(lane, message as CoderReply)
    })
    worker.onCrash((reason) => {
      if (lane.worker === worker) this.crashed(lane, reason)
    })
    return worker
  }

  private ended(lane: Lane, reply: CoderReply): void {
    const ticket = lane.ticket
    lane.ticket = undefined
    lane.held = heldAfter(ticket?.job, reply, lane.held)
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
    ticket.reject(new AppError('aborted', 'aborted', 'cancelled', { cause: ticket.signal?.reason }))
    const queue = this.queueOf(ticket)
    const at = queue.indexOf(ticket)
    if (at >= 0) queue.splice(at, 1)
    const lane = this.lanes.find((one) => one.ticket === ticket)
    if (lane?.worker === undefined) return
    lane.worker.post({ abort: true } satisfies CoderRequest, [])
    void this.replaceLater(lane, ticket)
  }

  /** A worker that does not let go of an aborted job in time is given up. */
  private async replaceLater(lane: Lane, ticket: Ticket): Promise<void> {
    await this.options.clock.sleep(this.options.grace ?? GRACE_MS)
    if (lane.ticket !== ticket) return
    this.drop(lane)
    this.next()
  }

  private drop(lane: Lane): void {
    lane.worker?.terminate()
    lane.worker = undefined
    lane.ticket = undefined
    lane.held = NOTHING
  }
}

/** Where the plaintexts of a job are still held, else where none are that somebody will soon want sealed. */
function bestLane(idle: readonly Lane[], job: Job): Lane {
  const lane = idle.find((one) => holds(one, job)) ?? idle.find(({ held }) => held.size === 0) ?? idle[0]
  if (lane === undefined) throw new AppError('bug', 'coder.lane', 'no lane is idle')
  return lane
}

function holds({ held }: Lane, job: Job): boolean {
  return job.name === 'encode' && held.size > 0 && job.args[0].some(({ hash }) => held.has(toHex(hash)))
}

/** Hashes of what a worker holds after `job`: coders let go of plaintexts once they are sealed, and when they look at others. */
function heldAfter(job: Job | undefined, reply: CoderReply, before: ReadonlySet<string>): ReadonlySet<string> {
  if (job?.name === 'encode') {
    const sealed = job.args[0].map(({ hash }) => toHex(hash))
    return new Set([...before].filter((hash) => !sealed.includes(hash)))
  }
  if (job?.name !== 'cut' && job?.name !== 'identify') return before
  return 'error' in reply ? NOTHING : new Set((reply.value as Piece[]).map(({ hash }) => toHex(hash)))
}

/** Whether a job is given rows, which are moved to the worker and die with it. Those that store only name files. */
function reads({ job }: Ticket): boolean {
  return job.name === 'decode' || job.name === 'join' || job.name === 'open'
}
