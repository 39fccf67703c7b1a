import { AppError } from '../base/errors.ts'
import type { ByteStream } from '../ports/network.ts'

export interface MemoryStreamOptions {
  /** Bytes handed out per read at most, asked before each read: boundaries of writes are not kept. Default: all that is there. */
  readonly chunk?: () => number
  /** Bytes that may wait unread before `write` waits, as a transport's buffer does. Default 256 KiB. */
  readonly buffer?: number
}

/** Two ends of one in-memory stream, without latency. */
export function memoryPair(options: MemoryStreamOptions = {}): [MemoryStream, MemoryStream] {
  const there = new Pipe(options)
  const back = new Pipe(options)
  return [new MemoryStream(back, there), new MemoryStream(there, back)]
}

export class MemoryStream implements ByteStream {
  private readonly input: Pipe
  private readonly output: Pipe

  constructor(input: Pipe, output: Pipe) {
    this.input = input
    this.output = output
  }

  read(): Promise<Uint8Array | null> {
    return this.input.read()
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.output.write(bytes)
  }

  close(): Promise<void> {
    this.output.end()
    return Promise.resolve()
  }

  abort(reason: Error): void {
    this.input.lose(reason)
    this.output.lose(reason)
  }

  /** Bytes written by this end that the other has not read yet. */
  get unread(): number {
    return this.output.waiting
  }

  /** Whether the stream was broken by either side. */
  get broken(): boolean {
    return this.input.lost !== undefined
  }
}

/** One direction. */
class Pipe {
  lost: AppError | undefined
  waiting = 0
  private queue: Uint8Array[] = []
  private ended = false
  private waiters: (() => void)[] = []
  private readonly limit: number
  private readonly chunk: () => number

  constructor(options: MemoryStreamOptions) {
    this.limit = options.buffer ?? 256 * 1024
    this.chunk = options.chunk ?? (() => Infinity)
  }

  async read(): Promise<Uint8Array | null> {
    while (this.waiting === 0) {
      if (this.lost !== undefined) throw this.lost
      if (this.ended) return null
      await this.change()
    }
    if (this.lost !== undefined) throw this.lost
    const out = this.shift(Math.max(1, this.chunk()))
    this.waiting -= out.length
    this.wake()
    return out
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.lost !== undefined) throw this.lost
    if (this.ended) throw new AppError('bug', 'stream.ended', 'written after close')
    if (bytes.length === 0) return
    this.queue.push(bytes)
    this.waiting += bytes.length
    this.wake()
    while (this.waiting > this.limit) await this.change()
    this.check()
  }

  end(): void {
    this.ended = true
    this.wake()
  }

  lose(cause: Error): void {
    this.lost ??= new AppError('transient', 'stream.lost', 'the stream broke', { cause })
    this.queue = []
    this.waiting = 0
    this.wake()
  }

  private check(): void {
    if (this.lost !== undefined) throw this.lost
  }

  private shift(most: number): Uint8Array {
    const first = this.queue[0] ?? new Uint8Array()
    if (first.length <= most) {
      this.queue.shift()
      return first
    }
    this.queue[0] = first.subarray(most)
    return first.subarray(0, most)
  }

  private change(): Promise<void> {
    return new Promise((resolve) => this.waiters.push(resolve))
  }

  private wake(): void {
    const waiters = this.waiters
    this.waiters = []
    for (const waiter of waiters) waiter()
  }
}
