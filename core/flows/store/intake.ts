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
import { PACK_BYTES, type Packer } from './packer.ts'

/** Files under this many bytes go into packs (docs/formats/chunk.md 1). */
const SMALL_BYTES = 1024 * 1024
/** A pack that nothing more came for is written after this, in ms. */
const PACK_IDLE_MS = 50

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

/** A file that is here, as it was when it was added. */
interface Ready {
  readonly file: FileEntry
  readonly source: Blob
  readonly keys: CoderKeys
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
    await this.deps.packer.settled()
  }

  private async turn(signal: AbortSignal): Promise<void> {
    if (this.isIdle() && this.deps.packer.waiting) {
      await ringOr(this.bell, PACK_IDLE_MS, this.deps.clock, signal)
      if (this.isIdle()) await this.deps.packer.flush(signal)
      return
    }
    const file = this.queue.shift()
    if (file === undefined) await this.bell.wait(signal)
    else if (isSmall(file)) await this.pack([file, ...this.takeSmall(file.record.size)], signal)
    else await this.read(file, (stop) => this.store(file, stop), signal)
  }

  private isIdle(): boolean {
    return this.queue.length === 0
  }

  /** Small files at the head of the queue that may be looked at together with `size` bytes: one call of the coder for many. */
  private takeSmall(size: number): FileEntry[] {
    const taken: FileEntry[] = []
    let sum = size
    for (let next = this.queue[0]; next !== undefined && isSmall(next); next = this.queue[0]) {
      sum += next.record.size
      if (sum > PACK_BYTES) break
      taken.push(next)
      this.queue.shift()
    }
    return taken
  }

  /** Runs `work` for a file, and says when it fails. */
  private async read(file: FileEntry, work: (stop: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    const stop = AbortSignal.any([signal, file.control.signal])
    try {
      await work(stop)
    } catch (error) {
      if (!stop.aborted) this.deps.failed(file, asAppError(error, 'transient', 'file.unreadable'))
    }
  }

  /** A file that is tiny, or large. */
  private async store(file: FileEntry, stop: AbortSignal): Promise<void> {
    for (const { source, keys } of this.checked(file)) {
      if (file.record.size <= INLINE_BYTES) await this.inline(file, source)
      else await this.deps.cutter.cut(file, source, keys, stop)
    }
  }

  /** Looks at small files together, and where that fails at each by itself: one that cannot be read must not stop its neighbours. */
  private async pack(files: readonly FileEntry[], signal: AbortSignal): Promise<void> {
    const ready: Ready[] = []
    for (const file of files) {
      await this.read(file, () => {
        ready.push(...this.checked(file))
        return Promise.resolve()
      }, signal)
    }
    for (const group of byKeys(ready)) await this.identify(group, signal)
    // What follows goes into another pack: this one is sealed while that is looked at.
    if (this.queue[0] !== undefined && isSmall(this.queue[0])) await this.deps.packer.flush(signal)
  }

  private async identify(group: readonly Ready[], signal: AbortSignal): Promise<void> {
    const { coder, packer } = this.deps
    const keys = group[0]?.keys
    if (keys === undefined) return
    const pieces = await coder.identify(group.map(({ source }) => source), keys, signal).catch(() => [])
    for (const [i, { file, source }] of group.entries()) {
      await this.read(file, async (stop) => {
        const piece = pieces[i] ?? (await coder.identify([source], keys, stop))[0]
        if (piece !== undefined && !stop.aborted) await packer.add({ file, piece }, keys, signal)
      }, signal)
    }
  }

  /** What reading `file` takes, or nothing when there is nothing to do. Throws `invalid` `secret.unknown`, `transient` `file.changed`. */
  private checked(file: FileEntry): Ready[] {
    const { source, record } = file
    if (source === undefined || record.scanned) return []
    const keys = this.deps.keysOf(file)
    if (keys === undefined) throw new AppError('invalid', 'secret.unknown', 'the secret of this file is not on this device')
    if (source.size !== record.size) throw new AppError('transient', 'file.changed', 'the file has another size than when it was added')
    return [{ file, source, keys }]
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

function isSmall({ record: { size } }: FileEntry): boolean {
  return size > INLINE_BYTES && size < SMALL_BYTES
}

/** Neighbours that are sealed under the same keys. */
function byKeys(files: readonly Ready[]): Ready[][] {
  const groups: Ready[][] = []
  for (const file of files) {
    const last = groups.at(-1)
    if (last?.[0]?.keys === file.keys) last.push(file)
    else groups.push([file])
  }
  return groups
}
