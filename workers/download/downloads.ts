import { toHex } from '../../core/base/bytes.ts'
import { AppError, toPlainError } from '../../core/base/errors.ts'
import type { Clock, Random } from '../../core/ports/clock.ts'
import type { Download, DownloadState } from '../contract.ts'
import type { ByteRange } from './http.ts'
import { serveFile, serveNothing, type FileSource, type StreamPort } from './stream.ts'

/** Downloads remembered, ended ones included, so that a browser can go on with one that broke off. */
const MAX_DOWNLOADS = 64

/** Answers that one download may have open: a browser that seeks leaves some behind. */
const MAX_STREAMS = 8

/** Bytes of one message: large enough for speed, small enough that two of them are no burden. */
const PART = 1024 * 1024

/** Progress is told this often, in ms. */
const REPORT_MS = 250

/** A browser asks for a file it was sent to within moments; if not, its service worker is missing. In ms. */
const BEGIN_MS = 30_000

type Listener = (state: DownloadState) => void

interface Entry {
  readonly source: FileSource
  /** Oldest first. */
  readonly streams: Set<AbortController>
  readonly listeners: Set<Listener>
  readonly ended: PromiseWithResolvers<undefined>
  state: DownloadState
  reported: number
}

/** The files that this worker serves as downloads, each under a token that nobody can guess. */
export class Downloads {
  private readonly entries = new Map<string, Entry>()
  private readonly clock: Clock
  private readonly random: Random
  private readonly closing = new AbortController()

  constructor(options: { readonly clock: Clock; readonly random: Random }) {
    this.clock = options.clock
    this.random = options.random
  }

  /**
   * Makes `source` reachable at the URL that comes back; under `known`, when it was that download before (of another leader).
   * It fails (`transient` `download.unasked`) when nobody asks for it in time.
   */
  add(source: FileSource, known?: string): Download {
    const token = known ?? toHex(this.random.bytes(16))
    const { size, name } = source.head
    const download = { token, url: `/s/${token}/${pathOf(name)}` }
    if (this.entries.has(token)) return download
    const entry: Entry = {
      source,
      streams: new Set(),
      listeners: new Set(),
      ended: Promise.withResolvers(),
      state: { kind: 'running', done: 0, size },
      reported: 0,
    }
    this.entries.set(token, entry)
    this.forgetOldest()
    void this.expectReader(entry)
    return download
  }

  owns(token: string): boolean {
    return this.entries.has(token)
  }

  /** Answers one request for `token` on `port`. Resolves when that answer has ended. */
  async serve(token: string, port: StreamPort): Promise<void> {
    const entry = this.entries.get(token)
    if (entry === undefined) {
      serveNothing(port)
      return
    }
    const stop = new AbortController()
    entry.streams.add(stop)
    const [oldest] = entry.streams
    if (entry.streams.size > MAX_STREAMS) oldest?.abort()
    const read: FileSource['read'] = (range, signal) => this.read(entry, range, signal)
    await serveFile(port, { head: entry.source.head, read }, AbortSignal.any([stop.signal, this.closing.signal]))
    entry.streams.delete(stop)
  }

  /** Tells `listener` the state now, and then as it changes. Resolves when the download has ended. Throws `absent` `download.unknown`. */
  async watch(token: string, listener: Listener): Promise<void> {
    const entry = this.entries.get(token)
    if (entry === undefined) throw new AppError('absent', 'download.unknown', 'no such download')
    entry.listeners.add(listener)
    listener(entry.state)
    if (entry.state.kind === 'running') await entry.ended.promise
    entry.listeners.delete(listener)
  }

  /** Breaks the download off. */
  cancel(token: string): void {
    const entry = this.entries.get(token)
    if (entry === undefined) return
    for (const stream of entry.streams) stream.abort()
    this.fail(entry, new AppError('aborted', 'aborted', 'the download was cancelled'))
    this.entries.delete(token)
  }

  close(): void {
    for (const token of [...this.entries.keys()]) this.cancel(token)
    this.closing.abort()
  }

  private async *read(entry: Entry, range: ByteRange, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const position = { at: range.start }
    let outcome: 'ended' | 'failed' | 'left' = 'left'
    try {
      yield* this.parts(entry, range, position, signal)
      outcome = 'ended'
    } catch (error) {
      outcome = 'failed'
      this.fail(entry, error)
      throw error
    } finally {
      if (outcome === 'ended' && position.at === entry.source.head.size) this.end(entry, { kind: 'done', size: position.at })
      // A reader that heard nothing for long opens another answer before it leaves this one.
      if (outcome === 'left' && entry.streams.size <= 1) this.fail(entry, new AppError('aborted', 'aborted', 'the browser stopped the download'))
    }
  }

  /** Bytes in messages of their own (the source may share its buffers), with progress noted once the reader wants more. */
  private async *parts(entry: Entry, range: ByteRange, position: { at: number }, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const tell = (problem: AppError): void => {
      this.report(entry, { kind: 'running', done: position.at, size: entry.source.head.size, problem: toPlainError(problem) })
    }
    for await (const part of entry.source.read(range, signal, tell)) {
      for (let from = 0; from < part.length; from += PART) {
        const bytes = part.slice(from, from + PART)
        position.at += bytes.length
        // From here on the bytes are the reader's, and empty to us.
        yield bytes
        this.note(entry, position.at)
      }
    }
    if (position.at < range.end) throw new AppError('corrupt', 'download.length', 'the file ended early')
  }

  private note(entry: Entry, done: number): void {
    const now = this.clock.now()
    const same = entry.state.kind === 'running' && entry.state.problem === undefined
    const state: DownloadState = { kind: 'running', done, size: entry.source.head.size }
    if (same && Math.abs(now - entry.reported) < REPORT_MS) {
      entry.state = state
      return
    }
    entry.reported = now
    this.report(entry, state)
  }

  private fail(entry: Entry, error: unknown): void {
    if (entry.state.kind === 'running') this.end(entry, { kind: 'failed', error: toPlainError(error) })
  }

  private end(entry: Entry, state: DownloadState): void {
    this.report(entry, state)
    entry.ended.resolve(undefined)
  }

  private report(entry: Entry, state: DownloadState): void {
    entry.state = state
    for (const listener of entry.listeners) listener(state)
  }

  private async expectReader(entry: Entry): Promise<void> {
    try {
      await this.clock.sleep(BEGIN_MS, this.closing.signal)
    } catch {
      return
    }
    const begun = entry.streams.size > 0 || entry.state.kind !== 'running' || entry.state.done > 0
    if (!begun) this.fail(entry, new AppError('transient', 'download.unasked', 'the browser did not begin the download'))
  }

  private forgetOldest(): void {
    const [oldest] = this.entries.keys()
    if (this.entries.size > MAX_DOWNLOADS && oldest !== undefined) this.cancel(oldest)
  }
}

/** A name as the last part of a path; dots alone would lead out of it. */
function pathOf(name: string): string {
  return /^\.*$/.test(name) ? 'file' : encodeURIComponent(name.toWellFormed())
}
