import type { Bytes } from '../../core/base/bytes.ts'
import { AppError, fromPlainError, toPlainError, type PlainError } from '../../core/base/errors.ts'
import type { ByteRange, FileHead } from './http.ts'

/** One file, as the peer worker serves it. */
export interface FileSource {
  readonly head: FileHead
  /** The bytes of `range` in order, in parts of any size. Ending early is an error. `tell` hears why it does not go on just now, when it tries again by itself. */
  read(range: ByteRange, signal: AbortSignal, tell?: (problem: AppError) => void): AsyncIterable<Uint8Array>
}

/**
 * The messages between the service worker, which reads, and the peer worker, which serves, over one port for one answer.
 * server: `head` at once, or `none` when the file is another tab's; reader: `open` a range, then `pull`s, one part each, at last `cancel`.
 * The server says `alive` while a part takes long: not every browser says when the other end of a port died, and none when it was frozen.
 */
export type FromServer =
  | { readonly kind: 'head'; readonly head: FileHead }
  | { readonly kind: 'none' }
  | { readonly kind: 'part'; readonly bytes: Uint8Array }
  | { readonly kind: 'end' }
  | { readonly kind: 'alive' }
  | { readonly kind: 'error'; readonly error: PlainError }
export type FromReader =
  | { readonly kind: 'open'; readonly range: ByteRange }
  | { readonly kind: 'pull' }
  | { readonly kind: 'cancel' }

/** A sign of life this often, in ms; and how long a reader waits for one before it asks anew. Far apart: a busy machine is not a dead one. */
const ALIVE_MS = 1000
const SILENCE_MS = 15_000

/** What both ends need of a `MessagePort`. */
export interface StreamPort {
  postMessage(message: unknown, transfer: Transferable[]): void
  onmessage: ((event: MessageEvent) => void) | null
  /** Fires, where browsers have it, when the other end was closed or died. */
  addEventListener(type: 'close', listener: () => void): void
  close(): void
}

/** Serves `source` on `port` until the reader is done, or `signal` fires, which breaks the answer off. Resolves then; never rejects. */
export async function serveFile(port: StreamPort, source: FileSource, signal: AbortSignal, aliveMs = ALIVE_MS): Promise<void> {
  const cancel = new AbortController()
  const stop = AbortSignal.any([signal, cancel.signal])
  const { promise: closed, resolve: close } = Promise.withResolvers<undefined>()
  const send = (message: FromServer, transfer: Transferable[] = []): void => {
    port.postMessage(message, transfer)
  }
  const fail = (error: unknown): void => {
    send({ kind: 'error', error: toPlainError(error) })
    close(undefined)
  }
  let parts: AsyncIterator<Uint8Array> | undefined
  const next = async (): Promise<void> => {
    const alive = setInterval(() => {
      send({ kind: 'alive' })
    }, aliveMs)
    try {
      const part = await parts?.next()
      if (part === undefined || part.done === true) {
        send({ kind: 'end' })
        close(undefined)
      } else {
        const bytes = whole(part.value)
        send({ kind: 'part', bytes }, [bytes.buffer])
      }
    } catch (error) {
      fail(error)
    } finally {
      clearInterval(alive)
    }
  }
  port.onmessage = ({ data }: MessageEvent<FromReader>) => {
    if (data.kind === 'open') parts = source.read(data.range, stop)[Symbol.asyncIterator]()
    else if (data.kind === 'pull') void next()
    else close(undefined)
  }
  port.addEventListener('close', () => close(undefined))
  signal.addEventListener('abort', () => {
    fail(new AppError('aborted', 'aborted', 'the download was cancelled'))
  })
  send({ kind: 'head', head: source.head })
  await closed
  port.onmessage = null
  cancel.abort()
  await parts?.return?.().catch(() => undefined)
  port.close()
}

/** `bytes` alone in their buffer, to be moved. */
function whole(bytes: Uint8Array): Bytes {
  const alone = bytes.byteLength === bytes.buffer.byteLength && bytes.buffer instanceof ArrayBuffer
  return alone ? (bytes as Bytes) : new Uint8Array(bytes)
}

/** Tells the asker on `port` that the file is not ours. */
export function serveNothing(port: StreamPort): void {
  port.postMessage({ kind: 'none' } satisfies FromServer, [])
  port.close()
}

/** The first answer on `port`: a head, `none`, or `undefined` after `timeoutMs` of silence. */
export function readHead(port: StreamPort, timeoutMs: number): Promise<FileHead | 'none' | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      resolve(undefined)
    }, timeoutMs)
    port.onmessage = ({ data }: MessageEvent<FromServer>) => {
      clearTimeout(timer)
      resolve(data.kind === 'head' ? data.head : 'none')
    }
  })
}

/** Finds a new port for a file whose server is gone, its head already read; `undefined` when there is none. */
export type FindAgain = () => Promise<StreamPort | undefined>

export interface ReadOptions {
  /** How long the server may say nothing, in ms. */
  readonly silenceMs?: number
  readonly findAgain?: FindAgain
}

/**
 * The bytes of `range` as a stream that asks for a part only when its reader has room. When the server dies or falls silent, the stream goes on at
 * the port that `findAgain` finds. It errors, and never just ends, when there is none (`transient` `download.lost`), when the server fails, or sends
 * another number of bytes than `range` has.
 */
export function readFile(port: StreamPort, range: ByteRange, options: ReadOptions = {}): ReadableStream<Bytes> {
  const { silenceMs = SILENCE_MS, findAgain = async () => undefined } = options
  return new ReadableStream(new PortReader(port, range, silenceMs, findAgain))
}

type Answer = Exclude<FromServer, { kind: 'alive' }> | { readonly kind: 'lost' }

class PortReader implements UnderlyingDefaultSource<Bytes> {
  private readonly range: ByteRange
  private readonly silenceMs: number
  private readonly findAgain: FindAgain
  private port: StreamPort
  private left: number
  private over = false
  private timer: ReturnType<typeof setTimeout> | undefined
  /** Takes the answer to the open pull. */
  private waiting: ((answer: Answer) => void) | undefined
  /** An end that came while nothing was asked. */
  private early: Answer | undefined

  constructor(port: StreamPort, range: ByteRange, silenceMs: number, findAgain: FindAgain) {
    this.port = port
    this.range = range
    this.silenceMs = silenceMs
    this.findAgain = findAgain
    this.left = range.end - range.start
  }

  start(): void {
    this.use(this.port)
  }

  async pull(controller: ReadableStreamDefaultController<Bytes>): Promise<void> {
    while (!this.over) {
      const answer = await this.next()
      if (answer.kind === 'lost') await this.reopen()
      else if (answer.kind === 'error') this.fail(fromPlainError(answer.error))
      else if (this.take(answer, controller)) return
      else this.fail(new AppError('corrupt', 'download.length', 'another number of bytes than was promised'))
    }
  }

  cancel(): void {
    this.ask({ kind: 'cancel' })
    this.finish()
  }

  /** Opens what is left at `port`. */
  private use(port: StreamPort): void {
    this.port = port
    this.early = undefined
    port.onmessage = ({ data }: MessageEvent<FromServer>) => {
      if (data.kind === 'alive') this.listen()
      else this.hear(data)
    }
    port.addEventListener('close', () => {
      if (this.port === port) this.hear({ kind: 'lost' })
    })
    this.ask({ kind: 'open', range: { start: this.range.end - this.left, end: this.range.end } })
  }

  private next(): Promise<Answer> {
    if (this.early !== undefined) return Promise.resolve(this.early)
    return new Promise((resolve) => {
      this.waiting = resolve
      this.listen()
      this.ask({ kind: 'pull' })
    })
  }

  private hear(answer: Answer): void {
    clearTimeout(this.timer)
    const { waiting } = this
    this.waiting = undefined
    if (waiting === undefined) this.early ??= answer
    else waiting(answer)
  }

  private listen(): void {
    clearTimeout(this.timer)
    if (this.waiting !== undefined) this.timer = setTimeout(() => this.hear({ kind: 'lost' }), this.silenceMs)
  }

  private async reopen(): Promise<void> {
    const before = this.port
    const port = await this.findAgain()
    const done = this.isOver()
    if (port !== undefined && !done) this.use(port)
    // Only now: a server that is still there sees that its reader goes on.
    closeReader(before)
    if (port === undefined && !done) this.fail(new AppError('transient', 'download.lost', 'the tab that sends this file is gone'))
    if (port !== undefined && done) closeReader(port)
  }

  private isOver(): boolean {
    return this.over
  }

  private fail(error: AppError): never {
    this.cancel()
    throw error
  }

  /** Hands a part or the end on; `false` when neither fits what is left. */
  private take(message: Answer, controller: ReadableStreamDefaultController<Bytes>): boolean {
    if (message.kind === 'part' && message.bytes.length <= this.left) {
      this.left -= message.bytes.length
      controller.enqueue(message.bytes as Bytes)
      return true
    }
    if (message.kind !== 'end' || this.left > 0) return false
    this.finish()
    controller.close()
    return true
  }

  private ask(message: FromReader): void {
    this.port.postMessage(message, [])
  }

  private finish(): void {
    this.over = true
    clearTimeout(this.timer)
    this.port.onmessage = null
    this.port.close()
  }
}

/** Tells the server that nothing more is wanted of it. */
export function closeReader(port: StreamPort): void {
  port.postMessage({ kind: 'cancel' } satisfies FromReader, [])
  port.onmessage = null
  port.close()
}
