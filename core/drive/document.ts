import * as Y from 'yjs'
import { own, type Bytes } from '../base/bytes.ts'
import { AppError } from '../base/errors.ts'
import { isKeepDays, KEEP_DAYS, PART_BYTES } from '../formats/drive.ts'
import { malformed } from '../formats/codec.ts'
import type { Random } from '../ports/clock.ts'

// The Yjs document of a drive (docs/formats/drive.md 1, 7, 8): what may come into it, and what goes out.

/** Bytes of one update that is merged: a whole drive of some 200,000 files. */
export const UPDATE_BYTES = 64 * 2 ** 20
/** Layout of the maps that is written and read here. */
const LAYOUT = 1

/** The five maps. Values are checked where they are read: they may come from anywhere. */
export interface DriveMaps {
  readonly parent: Y.Map<unknown>
  readonly name: Y.Map<unknown>
  readonly trashed: Y.Map<unknown>
  readonly versions: Y.Map<unknown>
  readonly settings: Y.Map<unknown>
}

export function mapsOf(doc: Y.Doc): DriveMaps {
  return {
    parent: doc.getMap('p'),
    name: doc.getMap('n'),
    trashed: doc.getMap('t'),
    versions: doc.getMap('v'),
    settings: doc.getMap('s'),
  }
}

/**
 * A document made of `parts`, in any order, with a client id of its own.
 * Throws `corrupt` `drive.damaged`, `invalid` `drive.large` (a part over 512 MiB) or `invalid` `format.version`.
 */
export function openDocument(parts: Iterable<Uint8Array>, random: Random): Y.Doc {
  const doc = new Y.Doc({ gc: true })
  mapsOf(doc)
  // A part is not decoded twice: a document that is not handed out may be left half-merged.
  doc.transact(() => {
    for (const part of parts) merge(doc, sized(part, PART_BYTES))
  })
  for (const structs of doc.store.clients.values()) for (const one of structs) checkStruct(one)
  // What waits for other updates comes in later without passing here again.
  const waiting = doc.store.pendingStructs?.update ?? null
  if (waiting !== null) for (const one of damagedUnless(() => Y.decodeUpdateV2(waiting)).structs) checkStruct(one)
  checkLayout(doc)
  do doc.clientID = clientId(random)
  while (doc.store.clients.has(doc.clientID))
  return doc
}

/** Merges `update`. Throws as `openDocument` (the limit is 64 MiB), and then `doc` is as it was. */
export function applyChecked(doc: Y.Doc, update: Uint8Array, origin: unknown): void {
  const bytes = sized(update, UPDATE_BYTES)
  const { structs, ds } = decoded(bytes)
  for (const one of structs) checkStruct(one)
  for (const ranges of ds.clients.values()) for (const { clock, len } of ranges) checkRange(clock, len)
  merge(doc, bytes, origin)
}

/** Keys of `settings`, followed by the id of a device (docs/formats/drive.md 10). */
export const SIGN_OUT = { asked: 'out/', left: 'left/' } as const

/** One update that does what all of `updates` do. Throws `corrupt` `drive.damaged` or `invalid` `drive.large`. */
export function mergeUpdates(updates: readonly Uint8Array[]): Bytes {
  const checked = updates.map((update) => sized(update, PART_BYTES))
  return damagedUnless(() => own(Y.mergeUpdates(checked)))
}

/** Everything that a document at `stateVector` lacks. Throws `corrupt` `drive.damaged`. */
export function updateSince(doc: Y.Doc, stateVector: Uint8Array): Bytes {
  return damagedUnless(() => own(Y.encodeStateAsUpdate(doc, own(stateVector))))
}

/** Days that old versions and deleted entries are kept. */
export function keepDaysOf(maps: DriveMaps): number {
  const value = maps.settings.get('keepDays')
  return isKeepDays(value) ? value : KEEP_DAYS
}

function merge(doc: Y.Doc, update: Uint8Array, origin?: unknown): void {
  damagedUnless(() => Y.applyUpdate(doc, update, origin))
}

/** A copy where `bytes` is a view: Yjs reads past the end of a view, into what else lies in its buffer. */
function sized(bytes: Uint8Array, limit: number): Bytes {
  if (bytes.length <= limit) return own(bytes)
  throw new AppError('invalid', 'drive.large', `an update has at most ${String(limit)} bytes`, { data: { length: bytes.length } })
}

type Struct = ReturnType<typeof Y.decodeUpdate>['structs'][number]

function decoded(update: Bytes): ReturnType<typeof Y.decodeUpdate> {
  return damagedUnless(() => Y.decodeUpdate(update))
}

/** Plain entries of maps only: nested types, texts and documents are never ours, and Yjs trusts what they hold. */
function checkStruct(one: Struct | Y.AbstractStruct): void {
  checkRange(one.id.clock, one.length)
  if (!(one instanceof Y.Item)) return
  const { content } = one
  const plain = content instanceof Y.ContentAny || content instanceof Y.ContentBinary || content instanceof Y.ContentDeleted
  // Where an entry follows another it takes its parent from that one: then there is none to check in an update.
  const parent: unknown = one.parent
  if (!plain || parent instanceof Y.ID || followsLater(one, one.origin) || followsLater(one, one.rightOrigin)) throw damaged()
  if (parent === 's' && one.parentSub === 'layout') checkLayoutValue(content.getContent()[0])
}

function checkRange(clock: number, length: number): void {
  if (length < 1 || !Number.isSafeInteger(clock + length)) throw damaged()
}

/** Whether an entry says that it follows one that its own session made later: Yjs looks for that one and fails half-way. */
function followsLater(one: Y.Item, origin: Y.ID | null): boolean {
  return origin !== null && origin.client === one.id.client && origin.clock >= one.id.clock
}

function checkLayout(doc: Y.Doc): void {
  checkLayoutValue(mapsOf(doc).settings.get('layout'))
}

function checkLayoutValue(value: unknown): void {
  if (typeof value === 'number' && value > LAYOUT) throw malformed('format.version', `layout ${String(value)} of a drive is not known here`)
}

function damagedUnless<T>(work: () => T): T {
  try {
    return work()
  } catch (cause) {
    throw damaged(cause)
  }
}

function damaged(cause?: unknown): AppError {
  return new AppError('corrupt', 'drive.damaged', 'this is no update of a drive', { cause })
}

/** 53 random bits (docs/formats/drive.md 7). */
function clientId(random: Random): number {
  const view = new DataView(random.bytes(8).buffer)
  return (view.getUint32(0) & 0x1fffff) * 2 ** 32 + view.getUint32(4)
}
