import type { Bytes } from '../../core/base/bytes.ts'
import { AppError, fromPlainError, toPlainError, type PlainError } from '../../core/base/errors.ts'
import type { ByteRange, FileHead } from './http.ts'

/** One file, as the peer worker serves it. */
export interface FileSource {
  readonly head: FileHead
  /** The bytes of `range` in order, in parts of any size. Ending early is an error. */
  read(range: ByteRange, signal: AbortSignal): AsyncIterable<Uint8Array>
}

/**
 * The messages between the service worker, which reads, and the peer worker, which serves, over one port for one answer.
 * server: `head` at once, or `none` when the file is another tab's; reader: `open` a range, then `pull`s, one part each, at last `cancel`.
 * The server says `alive` while a part takes long: ports give no sign when their other end dies.
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

/** A sign of life this often, in ms; and how long a reader waits for one. Far apart: a busy machine is not a dead one. */
const ALIVE_MS = 5000
const SILENCE_MS = 60_000

/** What both ends need of a `MessagePort`. */
export interface StreamPort {
  postMessage(message: unknown, transfer: Transferable[]): void
  onmessage: ((event: MessageEvent) => void) | null
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

/**
 * The bytes of `range` as a stream that asks for a part only when its reader has room. It errors, and never just ends, when the server fails,
 * dies, or sends another number of bytes than `range` has.
 */
export function readFile(port: StreamPort, range: ByteRange, silenceMs = SILENCE_MS): ReadableStream<Bytes> {
  return new ReadableStream(new PortReader(port, range, silenceMs))
}

class PortReader implements UnderlyingDefaultSource<Bytes> {
  private readonly port: StreamPort
  private readonly range: ByteRange
  private readonly silenceMs: number
  private left: number
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(port: StreamPort, range: ByteRange, silenceMs: number) {
    this.port = port
    this.range = range
    this.silenceMs = silenceMs
    this.left = range.end - range.start
  }

  start(): void {
    this.ask({ kind: 'open', range: this.range })
  }

  pull(controller: ReadableStreamDefaultController<Bytes>): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (error: AppError): void => {
        this.cancel()
        reject(error)
      }
      const listen = (): void => {
        clearTimeout(this.timer)
        this.timer = setTimeout(() => {
          fail(new AppError('transient', 'download.lost', 'the tab that sends this file is gone'))
        }, this.silenceMs)
      }
      this.port.onmessage = ({ data }: MessageEvent<FromServer>) => {
        if (data.kind === 'alive') listen()
        else if (data.kind === 'error') fail(fromPlainError(data.error))
        else if (this.take(data, controller)) resolve()
        else fail(new AppError('corrupt', 'download.length', 'another number of bytes than was promised'))
      }
      listen()
      this.ask({ kind: 'pull' })
    })
  }

  cancel(): void {
    this.ask({ kind: 'cancel' })
    this.finish()
  }

  /** Hands a part or the end on; `false` when neither fits what is left. */
  private take(message: FromServer, controller: ReadableStreamDefaultController<Bytes>): boolean {
    clearTimeout(this.timer)
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
    clearTimeout(this.timer)
    this.port.onmessage = null
    this.port.close()
  }
}
