import { toHex, type Bytes } from '../../base/bytes.ts'
import { AppError, asAppError, isAppError, throwIfAborted } from '../../base/errors.ts'
import type { Outcome } from '../../placement/conduct.ts'
import type { RowSource } from '../../placement/order.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ChunkRows, Coder, FrameRef } from '../../ports/coder.ts'
import type { PeerKey } from '../../ports/network.ts'
import type { ShardRoot } from '../../ports/shard-store.ts'
import type { Shelf } from '../cache/shelf.ts'
import { ByteCache } from './cache.ts'
import { Opener } from './opener.ts'
import type { PieceMap, PieceRow, PieceView } from './piece.ts'
import { Packs } from './packs.ts'
import { fetchRows, type FetchedRow } from './rows.ts'

/** Pieces asked for ahead of the reader: keeps a stream ahead of its player, and bounds memory (a piece is at most 16 MiB). */
const READ_AHEAD = 2
/** Opened pieces kept, so that seeking about in one chunk, or reading many small files of a pack, does not fetch it again. */
const CACHE_BYTES = 32 * 1024 * 1024
/** A frame that takes at most this part of its chunk is fetched as leaf ranges; a larger one is cheaper as whole rows with parity in reserve. */
const RANGE_PART = 0.5

/** Bytes of a shard, all or a range of it, each leaf checked against the root. */
export type GetShard = (
  host: PeerKey,
  root: ShardRoot,
  range: { readonly offset: number; readonly length: number } | undefined,
  signal: AbortSignal,
) => Promise<Bytes>

export interface FetchDeps {
  readonly clock: Clock
  readonly coder: Coder
  readonly getShard: GetShard
  readonly order: (rows: readonly RowSource[], k: number) => readonly RowSource[]
  /** Told of each answer: speed and conduct of the host, and the row of an own file that is bad. */
  readonly note: (view: PieceView, row: PieceRow, outcome: Outcome, bytes: number, took: number) => void
  /** Told of a host that lags. */
  readonly late: (host: PeerKey) => void
}

/** Fetches and opens pieces; one per storage, so that all readers share its cache. */
export class Fetcher {
  private readonly cache = new ByteCache(CACHE_BYTES)
  private readonly packs = new Packs(this.cache, (view, signal) => this.sealed(view, signal))
  private readonly opener: Opener
  private readonly deps: FetchDeps

  constructor(deps: FetchDeps) {
    this.deps = deps
    this.opener = new Opener(deps.coder)
  }

  /**
   * Plaintext of a piece: at most 16 MiB, shared with the cache, so not to be changed or transferred. `many`: other pieces of its pack will be read, too.
   * `shelf`: copies on this device, which come first; one of many is copied only where it is to stay.
   * Errors: `transient` `chunk.too-few`, `corrupt`, `aborted`; those of a shelf that keeps.
   */
  async piece(view: PieceView, { many, shelf }: { readonly many: boolean; readonly shelf?: Shelf | undefined }, signal: AbortSignal): Promise<Bytes> {
    const name = toHex(view.frame.hash)
    // What is to stay must be on the disk, whatever is in memory.
    const known = shelf?.keeps === true ? undefined : this.cache.get(name)
    if (known !== undefined) return known
    const plain = (await this.copied(view.frame, shelf, signal)) ?? (await this.fetched(view, many, many && shelf?.keeps !== true ? undefined : shelf, signal))
    this.cache.put(name, plain)
    return plain
  }

  /** A frame from its copy on this device; one that does not open is dropped. */
  private async copied(frame: FrameRef, shelf: Shelf | undefined, signal: AbortSignal): Promise<Bytes | undefined> {
    const sealed = await shelf?.get(frame.key)
    if (sealed === undefined) return undefined
    try {
      if (sealed.length === frame.length) return await this.opener.open(sealed, { ...frame, offset: 0 }, signal)
    } catch (error) {
      if (!isAppError(error, 'corrupt')) throw error
    }
    await shelf?.drop(frame.key)
    return undefined
  }

  private async fetched(view: PieceView, many: boolean, shelf: Shelf | undefined, signal: AbortSignal): Promise<Bytes> {
    const { frame, shardSize, k } = view
    const isSmall = frame.length <= k * shardSize * RANGE_PART
    if (!isSmall && shelf === undefined) return await this.fromRows(view, signal)
    const part = (isSmall ? await this.small(view, many, signal) : undefined) ?? { bytes: await this.sealed(view, signal), offset: frame.offset }
    const plain = await this.opener.open(part.bytes, { ...frame, offset: part.offset }, signal)
    await shelf?.put(frame.key, part.bytes.subarray(part.offset, part.offset + frame.length))
    return plain
  }

  /** The sealed bytes of a small frame: out of its pack when that is here, or comes whole; else by themselves. `undefined` when they cannot be had so. */
  private async small(view: PieceView, many: boolean, signal: AbortSignal): Promise<{ readonly bytes: Bytes; readonly offset: number } | undefined> {
    const pack = await this.packs.get(view, many, signal)
    if (pack !== undefined) return { bytes: pack, offset: view.frame.offset }
    const bytes = await this.fromRanges(view, signal)
    return bytes === undefined ? undefined : { bytes, offset: 0 }
  }

  private async fromRows(view: PieceView, signal: AbortSignal): Promise<Bytes> {
    return await this.deps.coder.decode(await this.rows(view, signal), view.frame, signal)
  }

  private async sealed(view: PieceView, signal: AbortSignal): Promise<Bytes> {
    return await this.deps.coder.join(await this.rows(view, signal), signal)
  }

  private async rows(view: PieceView, signal: AbortSignal): Promise<ChunkRows> {
    const rows = await fetchRows(
      this.ordered(view),
      view.k,
      view.n,
      {
        clock: this.deps.clock,
        get: (host, root, stop) => this.deps.getShard(host, root, undefined, stop),
        note: (row, outcome, bytes, took) => { this.deps.note(view, row, outcome, bytes, took) },
        late: ({ host }) => { this.deps.late(host) },
      },
      signal,
    )
    const sized = rows.every(({ bytes }) => bytes.length === view.shardSize)
    if (!sized) throw new AppError('corrupt', 'chunk.damaged', 'a piece has another size than its manifest says')
    const { k, n, shardSize } = view
    return { k, n, shardSize, rows }
  }

  /** The sealed bytes of a small frame of a pack, from the data rows it lies in; `undefined` when a row cannot be had. */
  private async fromRanges(view: PieceView, signal: AbortSignal): Promise<Bytes | undefined> {
    const { frame, shardSize } = view
    const first = Math.floor(frame.offset / shardSize)
    const last = Math.floor((frame.offset + frame.length - 1) / shardSize)
    const parts: Promise<FetchedRow | undefined>[] = []
    for (let index = first; index <= last; index++) parts.push(this.range(view, index, signal))
    const found = await Promise.all(parts)
    const sealed = new Uint8Array(frame.length)
    for (const part of found) {
      if (part === undefined) return undefined
      sealed.set(part.bytes, Math.max(0, part.index * shardSize - frame.offset))
    }
    return sealed
  }

  private async range(view: PieceView, index: number, signal: AbortSignal): Promise<FetchedRow | undefined> {
    const row = view.rows.find((one) => one.index === index)
    if (row === undefined) return undefined
    const { frame, shardSize } = view
    const from = Math.max(0, frame.offset - index * shardSize)
    const to = Math.min(shardSize, frame.offset + frame.length - index * shardSize)
    const started = this.deps.clock.now()
    try {
      const bytes = await this.deps.getShard(row.host, row.root, { offset: from, length: to - from }, signal)
      this.deps.note(view, row, 'ok', bytes.length, this.deps.clock.now() - started)
      return { index, bytes }
    } catch (cause) {
      throwIfAborted(signal)
      const error = asAppError(cause, 'transient', 'shard.fetch')
      if (error.kind === 'corrupt' || error.kind === 'absent') this.deps.note(view, row, error.kind, 0, 0)
      return undefined
    }
  }

  private ordered(view: PieceView): PieceRow[] {
    const byIndex = new Map(view.rows.map((row) => [row.index, row]))
    const order = this.deps.order(view.rows.map(({ index, host }) => ({ row: index, host })), view.k)
    return order.flatMap(({ row }) => byIndex.get(row) ?? [])
  }
}

export interface ReadOptions {
  readonly many?: boolean
  readonly keep?: boolean
  readonly signal?: AbortSignal
}

/** What a file is, and its bytes. */
export interface FileReader {
  readonly name: string
  readonly type: string
  /** Bytes. */
  readonly size: number
  /** Milliseconds since 1970. */
  readonly modified: number
  /**
   * `length` bytes from `offset`, in parts of at most 16 MiB that belong to the caller; less at the end of the file. Nothing is fetched
   * before the first part is asked for. `many`: who reads is reading many files, so that whole packs are worth their traffic.
   * `keep`: all that is read stays on this device, where the reader has copies there; then what a copy fails with is told, too (`quota` `copies.full`).
   * Errors: `transient` `chunk.too-few` (data: found, needed, total): asking again may help; `corrupt`; `aborted`.
   */
  read(offset: number, length: number, options?: ReadOptions): AsyncIterable<Bytes>
}

/** `read` of a `FileReader` over `pieces`. */
export async function* readPieces(
  pieces: PieceMap,
  fetcher: Fetcher,
  span: { readonly offset: number; readonly end: number },
  { many = false, shelf, signal }: ReadOptions & { readonly shelf?: Shelf | undefined },
): AsyncIterable<Bytes> {
  const control = new AbortController()
  const stop = signal === undefined ? control.signal : AbortSignal.any([signal, control.signal])
  const ahead: Promise<{ view: PieceView; plain: Bytes }>[] = []
  let next = span.offset
  try {
    for (let at = span.offset; at < span.end; ) {
      while (ahead.length <= READ_AHEAD && next < span.end) {
        const view = await pieces.pieceAt(next, stop)
        ahead.push(start(fetcher, view, { many, shelf }, stop))
        next = view.start + view.frame.size
      }
      const piece = await ahead.shift()
      if (piece === undefined) throw new AppError('bug', 'reader.empty', 'no piece for a position inside the file')
      const from = at - piece.view.start
      const to = Math.min(piece.view.frame.size, span.end - piece.view.start)
      at = piece.view.start + to
      yield piece.plain.slice(from, to)
    }
  } finally {
    control.abort()
  }
}

/** Begins a fetch whose failure is told when it is its turn, not before. */
function start(fetcher: Fetcher, view: PieceView, how: Parameters<Fetcher['piece']>[1], signal: AbortSignal): Promise<{ view: PieceView; plain: Bytes }> {
  const fetching = fetcher.piece(view, how, signal).then((plain) => ({ view, plain }))
  fetching.catch((error: unknown) => isAppError(error))
  return fetching
}
