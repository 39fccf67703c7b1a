import type { Bytes } from '../../base/bytes.ts'
import { AppError, asAppError } from '../../base/errors.ts'
import { copyKey, copyRecord, keptRecord, lastPart, type CopyRecord } from '../../formats/copies.ts'
import { decode } from '../../formats/codec.ts'
import type { MetaChange, MetaStore } from '../../ports/meta-store.ts'
import type { ShardStore } from '../../ports/shard-store.ts'
import { put } from '../journal.ts'
import { Mutex } from '../mutex.ts'

const MIB = 2 ** 20
/** Names used since the index was written, at most: what a crash may forget of their order. */
const TOUCHED = 256
/** Bytes of what the platform grants that copies leave to files on their way to hosts, and that even those leave that a person keeps. */
const RESERVE = 1024 * MIB
const HELD_RESERVE = 256 * MIB
/** The platform is asked anew what it grants after so many bytes were written. */
const MEASURE_BYTES = 64 * MIB

const NOTHING = new Uint8Array()

export interface CopiesDeps {
  /** Nothing else may be kept in these two. */
  readonly shards: ShardStore
  readonly meta: MetaStore
  /** Bytes that copies without holders may take. */
  readonly room: number
  /** Told when `usage` may be different. */
  readonly changed?: () => void
  /** Told of faults that nobody waits for. */
  readonly report: (error: AppError) => void
}

/** Bytes of copies that go when room is short, and of those that a person keeps. */
export interface CopiesUsage {
  readonly cached: number
  readonly held: number
}

/** Sealed bytes on this device by name, those used last kept in the room that there is, those with a holder whatever comes (docs/formats/copies.md). */
export class Copies {
  private readonly deps: CopiesDeps
  /** All changes of the index, one after another; the first of them reads it. */
  private readonly turns = new Mutex()
  private readonly loaded: Promise<void>
  private readonly touched = new Set<string>()
  private cached = 0
  private held = 0
  private next = 1
  private room: number
  private free = 0
  /** Bytes written since `free` was measured. */
  private written = Infinity
  private damagedHeld: () => void = () => undefined

  constructor(deps: CopiesDeps) {
    this.deps = deps
    this.room = deps.room
    this.loaded = this.turns.run(() => this.load())
    this.loaded.catch((error: unknown) => { deps.report(asAppError(error)) })
  }

  get usage(): CopiesUsage {
    return { cached: this.cached, held: this.held }
  }

  /** Calls `listener` when a copy with a holder was damaged: none counts as kept until it was looked at. */
  onDamage(listener: () => void): void {
    this.damagedHeld = listener
  }

  /** The bytes of `name`, unchecked; `undefined` when they are not here or cannot be had. Never rejects. */
  async get(name: string): Promise<Bytes | undefined> {
    try {
      const bytes = await this.deps.shards.get(name)
      this.touch(name)
      return bytes
    } catch (error) {
      const failure = asAppError(error)
      if (failure.kind === 'corrupt') await this.drop(name)
      else if (failure.kind !== 'absent') this.deps.report(failure)
      return undefined
    }
  }

  /**
   * Keeps `bytes`, which are only read; for `holder` whatever they need, else if there is room for them. `replace`: other bytes may lie under this name.
   * Errors of the stores; `quota` `copies.full` for a holder.
   */
  put(name: string, bytes: Uint8Array, options: { holder?: string; replace?: boolean } = {}): Promise<void> {
    return this.turn(async () => {
      const known = await this.record(name)
      const there = known !== undefined && options.replace !== true && (await this.deps.shards.size(name)) === bytes.length
      if (!there) {
        if (!(await this.makeRoom(bytes.length, options.holder !== undefined || (known?.holds ?? 0) > 0))) return
        await this.deps.shards.delete(name)
        await this.write(name, bytes)
      }
      await this.note(name, bytes.length, options.holder)
    })
  }

  /** Gives a copy that is here a holder. Resolves to whether it is here. Errors of the stores. */
  hold(name: string, holder: string): Promise<boolean> {
    return this.turn(async () => {
      const known = await this.record(name)
      if (known !== undefined) await this.note(name, known.size, holder)
      return known !== undefined
    })
  }

  /** Removes a copy that is not what it should be. Never rejects. */
  drop(name: string): Promise<void> {
    return this.quietly(async () => {
      const known = await this.record(name)
      if (known === undefined || known.holds === 0) {
        await this.forget(name, known)
        return
      }
      // It is missed from now on, and comes back under its holders.
      const changes: MetaChange[] = []
      for await (const [key] of this.deps.meta.range(copyKey.kept(''))) changes.push({ del: key })
      await this.deps.meta.batch(changes, { strict: true })
      await this.deps.shards.delete(name)
      this.damagedHeld()
    })
  }

  /** Notes that all copies of `holder`, `bytes` of a file, are here. */
  complete(holder: string, bytes: number): Promise<void> {
    return this.turn(() => this.deps.meta.batch([put(copyKey.kept(holder), keptRecord, bytes)]))
  }

  /** Takes its copies from `holder`: they go as all others do. */
  release(holder: string): Promise<void> {
    return this.turn(async () => {
      await this.deps.meta.batch([{ del: copyKey.kept(holder) }])
      for await (const [key] of this.deps.meta.range(copyKey.holds(holder))) await this.letGo(key, lastPart(key))
      await this.shrink()
    })
  }

  /** Holders whose copies are all here, and those that have any. */
  async holders(): Promise<{ readonly whole: ReadonlySet<string>; readonly any: ReadonlySet<string> }> {
    await this.loaded
    const whole = new Set<string>()
    const any = new Set<string>()
    for await (const [key] of this.deps.meta.range(copyKey.kept(''))) whole.add(lastPart(key))
    for await (const [key] of this.deps.meta.range('hold/')) any.add(key.split('/')[1] ?? '')
    return { whole, any: new Set([...any, ...whole]) }
  }

  /** Ids of the entries of the drive that a person keeps on this device. */
  async pins(): Promise<Set<string>> {
    const pins = new Set<string>()
    for await (const [key] of this.deps.meta.range(copyKey.pin(''))) pins.add(lastPart(key))
    return pins
  }

  setPins(entries: readonly string[], on: boolean): Promise<void> {
    return this.deps.meta.batch(entries.map((id) => (on ? { put: copyKey.pin(id), value: NOTHING } : { del: copyKey.pin(id) })), { strict: true })
  }

  /** Other room from now on: what has no place in it goes at once. Errors of the stores. */
  setRoom(bytes: number): Promise<void> {
    this.room = bytes
    return this.turn(() => this.shrink())
  }

  /** Bytes that the platform would still grant. */
  async granted(): Promise<number> {
    return (await this.deps.shards.room()).free
  }

  /** Resolves when nothing is being written any more, and what was used is written down. */
  close(): Promise<void> {
    return this.quietly(() => this.flush())
  }

  // --- in turn

  private turn<T>(task: () => Promise<T>): Promise<T> {
    return this.turns.run(async () => {
      await this.loaded
      return await task()
    })
  }

  private async quietly(task: () => Promise<void>): Promise<void> {
    await this.turn(task).catch((error: unknown) => { this.deps.report(asAppError(error)) })
  }

  private async load(): Promise<void> {
    const { meta, shards } = this.deps
    for await (const [, value] of meta.range(copyKey.copy(''))) {
      const record = decode(copyRecord, value)
      this.count(record, 1)
      this.next = Math.max(this.next, record.used + 1)
    }
    for await (const { root } of shards.list()) if ((await this.record(root)) === undefined) await shards.delete(root)
  }

  private async record(name: string): Promise<CopyRecord | undefined> {
    const value = await this.deps.meta.get(copyKey.copy(name))
    return value === undefined ? undefined : decode(copyRecord, value)
  }

  private count({ size, holds }: CopyRecord, times: 1 | -1): void {
    if (holds > 0) this.held += times * size
    else this.cached += times * size
    this.deps.changed?.()
  }

  /** The record of a copy as it is now, used just now, and with `holder` if that is new. */
  private async note(name: string, size: number, holder: string | undefined): Promise<void> {
    const known = await this.record(name)
    const isNew = holder !== undefined && (await this.deps.meta.get(copyKey.hold(holder, name))) === undefined
    const record = { size, used: this.next++, holds: (known?.holds ?? 0) + (isNew ? 1 : 0) }
    const hold = isNew ? [{ put: copyKey.hold(holder, name), value: NOTHING }] : []
    await this.deps.meta.batch([...replaced(name, known, record), ...hold])
    if (known !== undefined) this.count(known, -1)
    this.count(record, 1)
  }

  private async letGo(key: string, name: string): Promise<void> {
    const known = await this.record(name)
    const record = known === undefined ? undefined : { ...known, holds: Math.max(0, known.holds - 1) }
    await this.deps.meta.batch([{ del: key }, ...(record === undefined ? [] : replaced(name, known, record))])
    if (known !== undefined) this.count(known, -1)
    if (record !== undefined) this.count(record, 1)
  }

  private async forget(name: string, known: CopyRecord | undefined): Promise<void> {
    if (known !== undefined) {
      await this.deps.meta.batch([{ del: copyKey.copy(name) }, { del: copyKey.age(known.used, name) }])
      this.count(known, -1)
      this.free += known.size
    }
    await this.deps.shards.delete(name)
  }

  private async write(name: string, bytes: Uint8Array): Promise<void> {
    try {
      await this.deps.shards.put(name, bytes)
      this.free -= bytes.length
      this.written += bytes.length
    } catch (error) {
      // What was thought to be free is not: the next one asks.
      this.written = Infinity
      throw error
    }
  }

  /** Whether `size` bytes more may be written; older copies have gone for it. */
  private async makeRoom(size: number, held: boolean): Promise<boolean> {
    if (held) {
      const reserved = size + HELD_RESERVE
      if ((await this.measured()) < reserved) {
        await this.evict(this.cached - (reserved - this.free))
        this.written = Infinity
        if ((await this.measured()) < reserved) throw new AppError('quota', 'copies.full', 'the browser grants no more room')
      }
      return true
    }
    const limit = size > this.room ? 0 : await this.limit()
    if (size > limit) return false
    await this.evict(limit - size)
    return true
  }

  /** Bytes that copies without holders may take now. */
  private async limit(): Promise<number> {
    return Math.min(this.room, this.cached + Math.max(0, (await this.measured()) - RESERVE))
  }

  private async shrink(): Promise<void> {
    await this.evict(await this.limit())
  }

  private async measured(): Promise<number> {
    if (this.written >= MEASURE_BYTES) {
      this.free = await this.granted()
      this.written = 0
    }
    return this.free
  }

  /** Removes copies, those used longest ago first, until they take at most `target` bytes. */
  private async evict(target: number): Promise<void> {
    if (this.cached <= target) return
    await this.flush()
    for await (const [key] of this.deps.meta.range('age/')) {
      if (this.cached <= target) break
      const name = lastPart(key)
      await this.forget(name, await this.record(name))
    }
  }

  private touch(name: string): void {
    this.touched.delete(name)
    this.touched.add(name)
    if (this.touched.size > TOUCHED) void this.quietly(() => this.flush())
  }

  private async flush(): Promise<void> {
    const names = [...this.touched]
    this.touched.clear()
    const changes: MetaChange[] = []
    for (const name of names) {
      const known = await this.record(name)
      if (known !== undefined) changes.push(...replaced(name, known, { ...known, used: this.next++ }))
    }
    if (changes.length > 0) await this.deps.meta.batch(changes)
  }
}

/** The changes that make `record` of what was known of `name`. */
function replaced(name: string, known: CopyRecord | undefined, record: CopyRecord): MetaChange[] {
  return [
    ...(known === undefined ? [] : [{ del: copyKey.age(known.used, name) }]),
    put(copyKey.copy(name), copyRecord, record),
    ...(record.holds > 0 ? [] : [{ put: copyKey.age(record.used, name), value: NOTHING }]),
  ]
}
