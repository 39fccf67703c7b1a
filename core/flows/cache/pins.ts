import { asAppError, isAppError, type AppError } from '../../base/errors.ts'
import type { Entry, View } from '../../drive/view.ts'
import { TOP } from '../../formats/drive.ts'
import type { Clock } from '../../ports/clock.ts'
import { Bell, isOver, ringOr } from '../bell.ts'
import type { FileReader } from '../fetch/reader.ts'
import type { Cache } from '../parts.ts'

/** What could not be had is tried again after this, in ms; files on their way to hosts are waited for in such steps, too. */
const AGAIN_MS = 60_000
const BUSY_MS = 2000
/** Files that suffice to fetch whole packs: few of one pack are cheaper alone. */
const SEVERAL = 2

/** How much of a file, or of a folder with all that is in it, is kept on this device. */
export interface KeptState {
  /** 0 to 100; 100 only when all is there. */
  readonly percent: number
  /** Whether the person chose this very entry, and not a folder above it. */
  readonly chosen: boolean
}

export interface PinsDeps extends Cache {
  readonly clock: Clock
  readonly view: () => View
  /** The current version of a file. */
  readonly reader: (file: string) => FileReader
  /** Rings when a host came or went. */
  readonly hostsChanged: Bell
  /** Whether there is other work, which comes first. */
  readonly busy: () => boolean
  /** Something that lists show may be different. */
  readonly changed: () => void
  readonly report: (error: AppError) => void
}

/** A version to be kept: its file, and bytes of it that were read and stay. */
interface Wanted {
  readonly file: string
  readonly size: number
  done: number
}

/** Keeps the contents of chosen files on this device, also those of files that come into a chosen folder, and of new versions instead of old ones (docs/formats/copies.md). */
export class Pins {
  private pins = new Set<string>()
  private whole = new Set<string>()
  /** Holders that may have copies. */
  private any = new Set<string>()
  /** By holder. */
  private wanted = new Map<string, Wanted>()
  private fetching: { readonly holder: string; readonly control: AbortController } | undefined
  private failure: AppError | undefined
  private readonly woken = new Bell()
  private dirty = true
  private readonly deps: PinsDeps

  constructor(deps: PinsDeps) {
    this.deps = deps
    deps.copies.onDamage(() => {
      this.whole.clear()
      this.wake()
    })
  }

  /** What stopped the last attempt for want of room; `undefined` when nothing did. */
  get problem(): AppError | undefined {
    return this.failure
  }

  /** Reads what was chosen. Errors of the store. */
  async load(): Promise<void> {
    this.pins = await this.deps.copies.pins()
    const { whole, any } = await this.deps.copies.holders()
    this.whole = new Set(whole)
    this.any = new Set(any)
    this.look()
  }

  /** Keeps entries on this device from now on, or no longer. Durable when it resolves. `absent` `entry.absent`. */
  async set(entries: readonly string[], on: boolean): Promise<void> {
    for (const id of entries) this.deps.view().entry(id)
    await this.deps.copies.setPins(entries, on)
    for (const id of entries) {
      if (on) this.pins.add(id)
      else this.pins.delete(id)
    }
    this.look()
    this.wake()
    this.deps.changed()
  }

  /** The drive may be different. */
  wake(): void {
    this.dirty = true
    this.woken.ring()
  }

  /** How an entry of the drive is kept; `undefined` when it is not. */
  state({ id, kind, current, trashed }: Entry): KeptState | undefined {
    if (this.pins.size === 0 || trashed !== undefined) return undefined
    const chosen = this.pins.has(id)
    if (!chosen && !this.isPinned(id)) return undefined
    if (kind === 'folder') return { chosen, percent: this.percent(this.below(id)) }
    return current === undefined ? undefined : { chosen, percent: this.percent([this.holder(id, current.id)]) }
  }

  /** Fetches what is missing and lets go of what is no longer wanted, until `signal` fires. */
  async run(signal: AbortSignal): Promise<void> {
    while (!isOver(signal)) {
      let again = AGAIN_MS
      try {
        this.dirty = false
        this.look()
        await this.releaseOthers()
        if (this.deps.busy()) again = BUSY_MS
        else await this.fetchMissing(signal)
      } catch (error) {
        if (!isAppError(error, 'aborted')) this.deps.report(asAppError(error))
      }
      // What changed meanwhile rang unheard.
      if (!this.dirty || again === BUSY_MS) await this.pause(again, signal)
    }
  }

  private async pause(ms: number, signal: AbortSignal): Promise<void> {
    const { clock, hostsChanged } = this.deps
    const over = new AbortController()
    const stop = AbortSignal.any([signal, over.signal])
    try {
      if (this.missing().length === 0) await this.woken.wait(stop)
      else await Promise.race([ringOr(this.woken, ms, clock, stop), clock.sleep(BUSY_MS, stop).then(() => hostsChanged.wait(stop))])
    } catch (error) {
      if (!isAppError(error, 'aborted')) throw error
    } finally {
      over.abort()
    }
  }

  /** Works out which versions are wanted now; what of them is here stays known. */
  private look(): void {
    const wanted = new Map<string, Wanted>()
    for (const pin of this.pins) {
      for (const { id, current } of this.files(pin)) {
        if (current === undefined) continue
        const holder = this.holder(id, current.id)
        const done = this.whole.has(holder) ? current.size : (this.wanted.get(holder)?.done ?? 0)
        wanted.set(holder, { file: id, size: current.size, done })
      }
    }
    this.wanted = wanted
    if (this.fetching !== undefined && !wanted.has(this.fetching.holder)) this.fetching.control.abort()
  }

  private async releaseOthers(): Promise<void> {
    for (const holder of [...this.any]) {
      if (this.wanted.has(holder)) continue
      this.whole.delete(holder)
      await this.deps.copies.release(holder)
      this.any.delete(holder)
      this.deps.changed()
    }
  }

  private async fetchMissing(signal: AbortSignal): Promise<void> {
    const missing = this.missing()
    if (missing.length === 0) this.failure = undefined
    for (const [holder, wanted] of missing) {
      if (this.dirty || isOver(signal)) return
      try {
        await this.fetch(holder, wanted, missing.length >= SEVERAL, signal)
        this.failure = undefined
      } catch (error) {
        const failure = asAppError(error)
        if (failure.kind === 'quota') {
          this.failure = failure
          this.deps.changed()
          return
        }
        if (failure.kind === 'bug') this.deps.report(failure)
      }
    }
  }

  private async fetch(holder: string, wanted: Wanted, many: boolean, signal: AbortSignal): Promise<void> {
    const control = new AbortController()
    this.fetching = { holder, control }
    this.any.add(holder)
    try {
      let done = 0
      const reader = this.deps.reader(wanted.file)
      for await (const part of reader.read(0, wanted.size, { keep: true, many, signal: AbortSignal.any([signal, control.signal]) })) {
        done += part.length
        this.progress(holder, done)
      }
      await this.deps.copies.complete(holder, wanted.size)
      this.whole.add(holder)
      this.deps.changed()
    } finally {
      this.fetching = undefined
    }
  }

  private progress(holder: string, done: number): void {
    const wanted = this.wanted.get(holder)
    if (wanted !== undefined) wanted.done = done
    this.deps.changed()
  }

  private missing(): (readonly [string, Wanted])[] {
    return [...this.wanted].filter(([holder]) => !this.whole.has(holder))
  }

  private percent(holders: Iterable<string>): number {
    let size = 0
    let done = 0
    let whole = true
    for (const holder of holders) {
      const known = this.wanted.get(holder)
      size += known?.size ?? 0
      done += this.whole.has(holder) ? (known?.size ?? 0) : (known?.done ?? 0)
      whole &&= this.whole.has(holder)
    }
    return whole ? 100 : Math.min(99, Math.floor((100 * done) / Math.max(1, size)))
  }

  private *below(folder: string): Generator<string> {
    for (const { id, current } of this.files(folder)) if (current !== undefined) yield this.holder(id, current.id)
  }

  /** The file `id`, or all files in the folder `id` and below, unless they are in the trash or gone. */
  private *files(id: string): Generator<Entry> {
    const view = this.deps.view()
    if (!view.has(id)) return
    const entry = view.entry(id)
    if (entry.trashed !== undefined) return
    if (entry.kind === 'file') yield entry
    else for (const child of view.children(id)) yield* this.files(child.id)
  }

  private isPinned(id: string): boolean {
    const view = this.deps.view()
    for (let at = id; at !== TOP && view.has(at); at = view.entry(at).parent) if (this.pins.has(at)) return true
    return false
  }

  private holder(file: string, version: string): string {
    return this.deps.shelves.holder(this.deps.view().content(file, version))
  }
}
