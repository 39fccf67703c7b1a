import { AppError } from '../base/errors.ts'
import { equal, toHex, type Bytes } from '../base/bytes.ts'
import { isNewer, type Ranked } from '../formats/record-order.ts'
import type { MetaChange, MetaStore } from '../ports/meta-store.ts'
import type { KeyedLocks } from './keyed-locks.ts'
import type { StoredObject } from './shard-client.ts'
import { bodyKey, decodeObject, encodeObject, objectKey, OBJECTS, parseObjectKey, type HeldObject } from './vault-index.ts'
import { asFull, type Ledger } from './vault-ledger.ts'

/** A record that a host keeps, and publishes now and then. */
export interface HeldRecord {
  /** The record's name: an Ed25519 key, 32 bytes. */
  readonly name: Bytes
  readonly record: Bytes
  /** Its end of life, seconds since 1970. */
  readonly expires: number
}

/** An object to keep; the record was checked by the caller, and vouches for `bytes`. */
export interface NewObject {
  readonly tenant: Bytes
  readonly name: Bytes
  readonly record: Bytes
  readonly sequence: bigint
  readonly expires: number
  /** None for one that its owner removed, and for a record that stands for itself. */
  readonly bytes: Bytes
  /** The record stands for itself; without bytes and without this it is a tombstone. */
  readonly alone?: boolean
}

/** Small whole objects of a vault: bytes and record change together, in one batch. */
export class ObjectShelf {
  private readonly meta: MetaStore
  private readonly ledger: Ledger
  private readonly locks: KeyedLocks

  constructor(meta: MetaStore, ledger: Ledger, locks: KeyedLocks) {
    this.meta = meta
    this.ledger = ledger
    this.locks = locks
  }

  /**
   * Throws `denied` unless the record takes the place of the one that is held (`compareRecords`) or is the very same: `record.ended` when that is a
   * tombstone, else `record.older`; `quota` `host.full`.
   */
  put(object: NewObject): Promise<void> {
    return this.locks.hold([objectKey(object.name)], async () => {
      const before = await this.read(object.name)
      if (before !== undefined && equal(before.record, object.record)) return
      const held = heldOf(object)
      const { size } = held
      if (before !== undefined && !isNewer(rank(held), rank(before))) throw refusal(held, before)
      const tenant = toHex(object.tenant)
      if (before === undefined) this.ledger.checkObjects(tenant)
      const reserved = await this.ledger.reserve(tenant, roomFor(held, before))
      try {
        const body: MetaChange = size === 0 ? { del: bodyKey(object.name) } : { put: bodyKey(object.name), value: object.bytes }
        await this.meta.batch([{ put: objectKey(object.name), value: encodeObject(held) }, body], { strict: true })
        if (before !== undefined) this.book(before, -1)
        this.book(held, 1)
      } catch (error) {
        throw asFull(error)
      } finally {
        reserved.release()
      }
    })
  }

  /** Throws `absent` `object.absent`; `corrupt` `object.damaged`. */
  get(name: Bytes): Promise<StoredObject> {
    return this.locks.hold([objectKey(name)], async () => {
      const held = await this.read(name)
      if (held === undefined) throw new AppError('absent', 'object.absent', 'no such object')
      if (held.size === 0) return { record: held.record, bytes: new Uint8Array() }
      const bytes = await this.meta.get(bodyKey(name))
      if (bytes?.length !== held.size) throw new AppError('corrupt', 'object.damaged', 'the object is missing or has another length')
      return { record: held.record, bytes: new Uint8Array(bytes) }
    })
  }

  /** All records held. */
  async *records(): AsyncIterable<HeldRecord> {
    for await (const [key, value] of this.meta.range(OBJECTS)) {
      const { record, expires } = decodeObject(value)
      yield { name: parseObjectKey(key), record, expires }
    }
  }

  /** Books everything that is there, at start. */
  async load(): Promise<void> {
    for await (const [, value] of this.meta.range(OBJECTS)) this.book(decodeObject(value), 1)
  }

  /** Forgets objects whose record ended before `time`, seconds since 1970. */
  async sweep(time: number): Promise<void> {
    const ended: Bytes[] = []
    for await (const { name, expires } of this.records()) if (expires < time) ended.push(name)
    for (const name of ended) {
      await this.locks.hold([objectKey(name)], async () => {
        const held = await this.read(name)
        if (held === undefined || held.expires >= time) return
        await this.meta.batch([{ del: objectKey(name) }, { del: bodyKey(name) }])
        this.book(held, -1)
      })
    }
  }

  private book(held: HeldObject, sign: 1 | -1): void {
    const bytes = sign * weight(held)
    this.ledger.book(toHex(held.tenant), { bytes, objects: sign })
    this.ledger.bookDisk(bytes)
  }

  private async read(name: Bytes): Promise<HeldObject | undefined> {
    const value = await this.meta.get(objectKey(name))
    return value === undefined ? undefined : decodeObject(value)
  }
}

function sequenceBytes(sequence: bigint): Bytes {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, sequence)
  return bytes
}

function heldOf({ tenant, record, sequence, expires, bytes, alone = false }: NewObject): HeldObject {
  return { tenant, record, sequence: sequenceBytes(sequence), expires, size: bytes.length, alone }
}

function rank(held: HeldObject): Ranked {
  const { buffer, byteOffset } = held.sequence
  return { gone: isGone(held), sequence: new DataView(buffer, byteOffset).getBigUint64(0), record: held.record }
}

function isGone({ size, alone }: HeldObject): boolean {
  return size === 0 && !alone
}

function refusal(held: HeldObject, before: HeldObject): AppError {
  if (isGone(before) && !isGone(held)) return new AppError('denied', 'record.ended', 'the name has ended')
  return new AppError('denied', 'record.older', 'a newer record is held already')
}

/** Bytes that count against room and tenant: where there is no object, those of the record. A tombstone counts as an entry only. */
function weight(held: HeldObject): number {
  return held.alone ? held.record.length : held.size
}

/** A tombstone takes room, too, unless it stands in for what is here: on a full host things can be removed. A record that is renewed takes what it is longer by. */
function roomFor(held: HeldObject, before: HeldObject | undefined): number {
  if (before === undefined) return Math.max(1, weight(held))
  const freed = held.alone && before.alone && equal(held.tenant, before.tenant) ? weight(before) : 0
  return Math.max(0, weight(held) - freed)
}
