import { fromHex, own } from '../../base/bytes.ts'
import { AppError, asAppError, isAppError } from '../../base/errors.ts'
import { fileRecord } from '../../formats/list.ts'
import { listKey } from '../../formats/list-key.ts'
import { INLINE_BYTES } from '../../formats/share.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Coder, CoderKeys } from '../../ports/coder.ts'
import { Bell, ringOr } from '../bell.ts'
import { put, type Journal } from '../journal.ts'
import type { FileEntry } from '../list/entry.ts'
import type { Cutter } from './cutter.ts'
import type { Packer } from './packer.ts'

/** Files under this many bytes go into packs (docs/formats/chunk.md 1). */
const SMALL_BYTES = 1024 * 1024
/** A pack that nothing more came for is written after this, in ms. */
const PACK_IDLE_MS = 250

export interface IntakeDeps {
  readonly coder: Coder
  readonly cutter: Cutter
  readonly packer: Packer
  readonly journal: Journal
  readonly clock: Clock
  readonly keysOf: (file: FileEntry) => CoderKeys | undefined
  readonly recorded: (file: FileEntry) => void
  readonly failed: (file: FileEntry, error: AppError) => void
}

/** Reads files one after another, in the order in which they were added. */
export class Intake {
  private queue: FileEntry[] = []
  private readonly bell = new Bell()
  private readonly deps: IntakeDeps

  constructor(deps: IntakeDeps) {
    this.deps = deps
  }

  add(file: FileEntry): void {
    if (!this.queue.includes(file)) this.queue.push(file)
    this.bell.ring()
  }

  remove(file: FileEntry): void {
    this.queue = this.queue.filter((other) => other !== file)
  }

  /** Works until `signal` fires. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.turn(signal)
      } catch (error) {
        if (!isAppError(error, 'aborted')) throw error
      }
    }
  }

  private async turn(signal: AbortSignal): Promise<void> {
    if (this.isIdle() && this.deps.packer.waiting) {
      await ringOr(this.bell, PACK_IDLE_MS, this.deps.clock, signal)
      if (this.isIdle()) await this.deps.packer.flush(signal)
      return
    }
    const file = this.queue.shift()
    if (file === undefined) await this.bell.wait(signal)
    else await this.read(file, AbortSignal.any([signal, file.control.signal]), signal)
  }

  private isIdle(): boolean {
    return this.queue.length === 0
  }

  private async read(file: FileEntry, stop: AbortSignal, signal: AbortSignal): Promise<void> {
    try {
      await this.store(file, stop, signal)
    } catch (error) {
      if (!stop.aborted) this.deps.failed(file, asAppError(error, 'transient', 'file.unreadable'))
    }
  }

  private async store(file: FileEntry, stop: AbortSignal, signal: AbortSignal): Promise<void> {
    const { source, record } = file
    const keys = this.deps.keysOf(file)
    if (source === undefined || record.scanned) return
    if (keys === undefined) throw new AppError('invalid', 'secret.unknown', 'the secret of this file is not on this device')
    if (source.size !== record.size) throw new AppError('transient', 'file.changed', 'the file has another size than when it was added')
    if (record.size <= INLINE_BYTES) await this.inline(file, source)
    else if (record.size >= SMALL_BYTES) await this.deps.cutter.cut(file, source, keys, stop)
    else await this.deps.packer.add({ file, piece: await this.deps.coder.identify(source, keys, stop) }, keys, signal)
  }

  /** A tiny file stands in its own record. */
  private async inline(file: FileEntry, source: Blob): Promise<void> {
    const bytes = own(new Uint8Array(await source.arrayBuffer()))
    if (bytes.length !== file.record.size) throw new AppError('transient', 'file.changed', 'the file changed while it was read')
    file.record = { ...file.record, inline: bytes, sealedBytes: bytes.length, scanned: true }
    await this.deps.journal.write([put(listKey.file(fromHex(file.id)), fileRecord, file.record)], { strict: true })
    this.deps.recorded(file)
  }
}
