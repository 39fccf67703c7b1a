import { concat, own, type Bytes } from '../../base/bytes.ts'
import { DRIVE_FRAGMENT, driveFragment } from '../../formats/list.ts'
import { listKey } from '../../formats/list-key.ts'
import type { MetaChange } from '../../ports/meta-store.ts'
import { put, type Journal } from '../journal.ts'

/** Updates that are worth merging: this many, or this many bytes, or this share of what they are added to. Opening reads them all, merging writes all. */
const MERGE_COUNT = 500
const MERGE_BYTES = 1024 * 1024
const MERGE_SHARE = 1 / 4

/** The drive as this device keeps it: updates, one after another (docs/formats/list.md). */
export class LocalLog {
  private readonly journal: Journal
  /** Keys of all fragments. */
  private keys: string[] = []
  private generation = 0
  /** Index of the next fragment. */
  private next = 0
  /** Bytes of the first update; number and bytes of those after it. */
  private first = 0
  private count = 0
  private bytes = 0

  constructor(journal: Journal) {
    this.journal = journal
  }

  /** All updates, oldest first. Call once, before anything else. Errors as `MetaStore`; `invalid` `format.*`. */
  async load(): Promise<Bytes[]> {
    const updates: Bytes[] = []
    let open: Bytes[] = []
    for await (const [key, { ends, bytes }] of this.journal.entries('drive/', driveFragment)) {
      const [, generation = '', index = ''] = key.split('/')
      this.keys.push(key)
      this.generation = parseInt(generation, 16)
      this.next = parseInt(index, 16) + 1
      open.push(own(bytes))
      if (!ends) continue
      updates.push(concat(open))
      open = []
    }
    for (const { length } of updates) this.note(length)
    return updates
  }

  /** Whether what was appended is worth merging. */
  get isLong(): boolean {
    return this.count > MERGE_COUNT || this.bytes > Math.max(MERGE_BYTES, MERGE_SHARE * this.first)
  }

  /** Appends an update; resolves when it is durable. Errors as `MetaStore.batch`: then it was not appended. */
  async append(update: Bytes): Promise<void> {
    const fragments = this.fragments(update)
    this.note(update.length)
    await this.journal.write(fragments, { strict: true })
  }

  /** Puts one update in the place of all: it MUST hold what they hold, those that are still being written included. Errors as `append`: then all are there still. */
  async replace(whole: Bytes): Promise<void> {
    const { keys, first, count, bytes } = this
    this.keys = []
    this.generation++
    this.next = 0
    this.first = 0
    this.count = 0
    this.bytes = 0
    const fragments = this.fragments(whole)
    this.note(whole.length)
    try {
      await this.journal.write([...fragments, ...keys.map((key): MetaChange => ({ del: key }))], { strict: true })
    } catch (error) {
      // What was appended meanwhile counts besides.
      this.keys.push(...keys)
      this.first = first
      this.count += count
      this.bytes += bytes
      throw error
    }
  }

  private note(length: number): void {
    if (this.first === 0) this.first = length
    else {
      this.count++
      this.bytes += length
    }
  }

  private fragments(update: Bytes): MetaChange[] {
    const changes: MetaChange[] = []
    let at = 0
    do {
      const bytes = update.slice(at, at + DRIVE_FRAGMENT)
      at += DRIVE_FRAGMENT
      const key = listKey.drive(this.generation, this.next++)
      this.keys.push(key)
      changes.push(put(key, driveFragment, { ends: at >= update.length, bytes }))
    } while (at < update.length)
    return changes
  }
}
