import { concat, fromHex, toHex, type Bytes } from '../../base/bytes.ts'
import { sealedName } from '../../formats/entry.ts'
import {
  fileRecord,
  pieceRecord,
  refRecord,
  releaseRecord,
  sealedRecord,
  type PieceRecord,
  type ReleaseRecord,
  type SealedRecord,
} from '../../formats/list.ts'
import { listKey } from '../../formats/list-key.ts'
import type { Blake3 } from '../../ports/blake3.ts'
import type { CodedChunk, FrameRef, Piece } from '../../ports/coder.ts'
import type { MetaChange } from '../../ports/meta-store.ts'
import type { Shelf } from '../cache/shelf.ts'
import { put, type Journal } from '../journal.ts'
import type { FileEntry } from '../list/entry.ts'
import { otherUsers } from '../list/uses.ts'
import type { Mutex } from '../mutex.ts'
import type { Alive } from './alive.ts'
import { Chunk, isOpen } from './chunk.ts'
import type { Outbox } from './outbox.ts'
import type { Shipper } from './shipper.ts'
import type { Tally } from './tally.ts'

/** Leases run this long at most, in ms: after that nobody needs to be asked to release. */
const LONGEST_LEASE_MS = 366 * 86_400_000

/** Larger files leave no copy when they are stored, in bytes: they would drive all others out. */
const COPIED = 64 * 2 ** 20

export interface KeeperDeps {
  readonly journal: Journal
  readonly outbox: Outbox
  readonly shipper: Shipper
  readonly alive: Alive
  readonly tally: Tally
  readonly blake3: Blake3
  /** Held while references to chunks are made or taken away, so that no chunk is released just as it is found again. */
  readonly references: Mutex
  readonly now: () => number
  /** Copies on this device, of what was just stored. */
  readonly shelf?: Shelf | undefined
  /** The file of this id in the list. */
  readonly fileOf: (id: string) => FileEntry | undefined
  /** A piece of the file was recorded. */
  readonly recorded: (file: FileEntry) => void
}

/** A file and its next piece. */
export interface Member {
  readonly file: FileEntry
  readonly piece: Piece
}

/** Writes down what is known of pieces and sealed chunks: each step whole or not at all. */
export class Keeper {
  private readonly deps: KeeperDeps

  constructor(deps: KeeperDeps) {
    this.deps = deps
  }

  /** A piece that this list has already, on its way to hosts or with every lease confirmed just now. */
  async known({ piece, file }: Member, signal: AbortSignal): Promise<PieceRecord | undefined> {
    const record = await this.deps.journal.read(listKey.piece(piece.id), pieceRecord)
    if (record === undefined) return undefined
    const name = toHex(record.sealed)
    const pending = this.deps.shipper.chunks.get(name)
    if (pending !== undefined) return pending.lost.size === 0 ? record : undefined
    const sealed = await this.deps.journal.read(listKey.sealed(record.sealed), sealedRecord)
    if (sealed === undefined || toHex(sealed.secret) !== toHex(file.record.secret)) return undefined
    const dead = await this.deps.alive.deadRows(name, sealed, signal)
    return dead.length === 0 ? record : undefined
  }

  /** Adds a known piece to its file. Resolves to whether its sealed chunk is still there. */
  refer(member: Member, known: PieceRecord): Promise<boolean> {
    return this.deps.references.run(async () => {
      if (isStopped(member)) return true
      const chunk = this.deps.shipper.chunks.get(toHex(known.sealed))
      if (chunk === undefined && (await this.deps.journal.read(listKey.sealed(known.sealed), sealedRecord)) === undefined) return false
      await this.record([member], [known], chunk, [])
      this.deps.tally.knew(member.piece.length)
      return true
    })
  }

  /**
   * Keeps a coded chunk: shards into the outbox, then chunk, pieces and progress of its files in one batch, then off to its hosts.
   * A chunk that is there already gets only the rows that its hosts lost. Errors: `quota` `storage.full`, `transient`.
   */
  async keep(members: readonly Member[], coded: CodedChunk): Promise<void> {
    await this.deps.references.run(() => this.keepNow(members, coded))
    this.deps.tally.sealed(members.reduce((sum, { piece }) => sum + piece.length, 0), coded.compressed, coded.n * coded.shardSize)
  }

  private async keepNow(members: readonly Member[], coded: CodedChunk): Promise<void> {
    const live = members.map((member, i) => ({ member, frame: coded.frames[i] })).filter(({ member }) => !isStopped(member))
    const first = live[0]
    if (first === undefined) return
    const name = sealedName(coded.roots.slice(0, coded.k), this.deps.blake3)
    const pieces = live.flatMap(({ frame }) => (frame === undefined ? [] : [{ sealed: name, frame }]))
    const all = live.map(({ member }) => member)
    const pending = this.deps.shipper.chunks.get(toHex(name))
    if (pending !== undefined) {
      await this.deps.outbox.restore(coded, pending.rootNames, [...pending.lost])
      await this.record(all, pieces, pending, [])
      this.deps.shipper.resend(pending)
      return
    }
    const { record, changes } = await this.prepare(name, coded, first.member)
    const chunk = new Chunk(toHex(name), record)
    const wanted = record.rows.flatMap(({ state }, index) => (isOpen(state) ? [index] : []))
    if (wanted.length === 0) {
      await this.record(all, pieces, undefined, changes)
      return
    }
    await this.deps.outbox.keep(coded, chunk.rootNames, wanted)
    const undo = (): Promise<unknown> => Promise.allSettled(wanted.map((index) => this.deps.outbox.drop(chunk.rootNames[index] ?? '', 0)))
    try {
      await this.record(all, pieces, chunk, [...changes, put(listKey.sealed(name), sealedRecord, record)])
    } catch (error) {
      await undo()
      throw error
    }
    if (chunk.users.size === 0) {
      await undo()
      return
    }
    this.deps.outbox.gate.force(wanted.length * chunk.shardSize)
    this.deps.alive.forget(chunk.name)
    this.deps.shipper.add(chunk)
    if (live.length === 1 && first.frame !== undefined) this.copy(first.member.file, first.frame, coded)
  }

  /** What was just stored is likely to be opened here. Not so each of many small files in a pack, which would cost the disk a file each. */
  private copy(file: FileEntry, frame: FrameRef, coded: CodedChunk): void {
    const { shelf } = this.deps
    if (shelf === undefined || file.part || file.record.size > COPIED) return
    void shelf.put(frame.key, concat(coded.shards.slice(0, coded.k)).subarray(frame.offset, frame.offset + frame.length))
  }

  /** The record of a chunk before it is sent: new, or the one that is there with its dead rows to be sent anew. */
  private async prepare(name: Bytes, coded: CodedChunk, member: Member): Promise<{ record: SealedRecord; changes: MetaChange[] }> {
    const there = await this.deps.journal.read(listKey.sealed(name), sealedRecord)
    if (there === undefined) return { record: freshRecord(coded, member.file), changes: [] }
    const dead = new Set(await this.deps.alive.deadRows(toHex(name), there, member.file.control.signal))
    // Links that other files have given out name the hosts of before. What these still hold stays theirs until its lease ends.
    const others = await this.otherUsers(name, member.file)
    const released = others.length > 0 ? [] : there.rows.flatMap((row, index) => {
      const root = there.roots[index]
      return dead.has(index) && row.host !== undefined && row.lease !== undefined && root !== undefined ? [{ host: row.host, lease: row.lease, root }] : []
    })
    const changes = await mergeReleases(this.deps.journal, released, { secret: there.secret, now: this.deps.now() })
    const rows = there.rows.map((row, index) => (dead.has(index) ? { host: undefined, state: 'none' as const, lease: undefined } : row))
    if (dead.size > 0) changes.push(...others.flatMap(outdate))
    return { record: { ...there, rows }, changes }
  }

  private async otherUsers(name: Bytes, file: FileEntry): Promise<FileEntry[]> {
    const others: FileEntry[] = []
    for await (const id of otherUsers(this.deps.journal, name, file.id)) {
      const other = this.deps.fileOf(id)
      if (other !== undefined) others.push(other)
    }
    return others
  }

  /** One batch: references, uses and progress of all members. */
  private async record(members: readonly Member[], pieces: readonly PieceRecord[], chunk: Chunk | undefined, more: readonly MetaChange[]): Promise<void> {
    const changes: MetaChange[] = []
    const live: Member[] = []
    for (const [i, member] of members.entries()) {
      const known = pieces[i]
      const { file, piece } = member
      // Cancelled while its shards were written, or complete since: the list must not hear of it again.
      if (known === undefined || isStopped(member) || file.record.scanned) continue
      live.push(member)
      const id = fromHex(file.id)
      const sealedBytes = file.record.sealedBytes + piece.length
      const { frame, sealed } = { frame: bare(known.frame), sealed: known.sealed }
      changes.push(put(listKey.piece(piece.id), pieceRecord, { sealed, frame }))
      changes.push(put(listKey.ref(id, file.record.pieces), refRecord, { piece: piece.id, sealed, frame }))
      changes.push({ put: listKey.use(sealed, id), value: new Uint8Array() })
      file.record = { ...file.record, pieces: file.record.pieces + 1, sealedBytes, scanned: sealedBytes >= file.record.size }
      changes.push(put(listKey.file(id), fileRecord, file.record))
      if (chunk !== undefined) adopt(chunk, file, piece.length)
    }
    if (live.length === 0) return
    try {
      await this.deps.journal.write([...more, ...changes], { strict: true })
    } catch (error) {
      for (const { file, piece } of live) takeBack(chunk, file, piece)
      throw error
    }
    for (const { file } of live) this.deps.recorded(file)
  }
}

/** Makes `file` wait for `chunk`, with `length` bytes of its own in it. */
export function adopt(chunk: Chunk, file: FileEntry, length: number): void {
  chunk.users.set(file, (chunk.users.get(file) ?? 0) + length)
  file.pending.add(chunk)
}

/** The share object of `file` names hosts that a chunk of it is leaving: another one follows when the chunk has its receipts. */
function outdate(file: FileEntry): MetaChange[] {
  file.moves++
  const { share, status } = file.record
  if (status !== 'stored' || share === undefined) return []
  file.record = { ...file.record, share: { ...share, stale: true } }
  return [put(listKey.file(fromHex(file.id)), fileRecord, file.record)]
}

/** The reverse of what `record` did in memory, when it did not reach the disk. */
function takeBack(chunk: Chunk | undefined, file: FileEntry, piece: Piece): void {
  const { record } = file
  file.record = { ...record, pieces: record.pieces - 1, sealedBytes: record.sealedBytes - piece.length, scanned: false }
  const left = (chunk?.users.get(file) ?? 0) - piece.length
  if (left > 0) chunk?.users.set(file, left)
  else if (chunk !== undefined) {
    chunk.users.delete(file)
    file.pending.delete(chunk)
  }
}

/** Changes that put shards on the lists of what is to be released, together with what stands there already. `now`: ms since 1970. */
export async function mergeReleases(
  journal: Journal,
  rows: readonly { readonly host: Uint8Array; readonly lease: Uint8Array; readonly root: Uint8Array }[],
  { secret, now }: Pick<ReleaseRecord, 'secret'> & { readonly now: number },
): Promise<MetaChange[]> {
  const lists = new Map<string, Map<string, Uint8Array<ArrayBuffer>>>()
  for (const { host, lease, root } of rows) {
    const key = listKey.release(host, lease)
    const known = lists.get(key) ?? new Map((await journal.read(key, releaseRecord))?.roots.map((one) => [toHex(one), one]))
    lists.set(key, known.set(toHex(root), new Uint8Array(root)))
  }
  return [...lists].map(([key, roots]) => put(key, releaseRecord, { secret, expires: now + LONGEST_LEASE_MS, roots: [...roots.values()] }))
}

function freshRecord(coded: CodedChunk, file: FileEntry): SealedRecord {
  const rows = coded.roots.map(() => ({ host: undefined, state: 'none' as const, lease: undefined }))
  const length = coded.frames.reduce((end, frame) => Math.max(end, frame.offset + frame.length), 1)
  return { k: coded.k, shardSize: coded.shardSize, length, roots: coded.roots, rows, secret: file.record.secret }
}

function bare({ offset, length, key, hash, size }: FrameRef): FrameRef {
  return { offset, length, key, hash, size }
}

function isStopped({ file }: Member): boolean {
  return file.control.signal.aborted
}
