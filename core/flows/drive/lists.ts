import { searchKey } from '../../drive/names.ts'
import type { Entry, SortKey, View } from '../../drive/view.ts'
import { TOP } from '../../formats/drive.ts'
import type { KeptState } from '../cache/pins.ts'
import type { FileStatus, Note } from '../list/status.ts'
import type { Storage } from '../storage.ts'
import type { DriveFiles } from './files.ts'

// What the page lists; workers/contract-drive.ts has the same shapes.

export type Query =
  | { readonly kind: 'folder'; readonly folder: string; readonly sort: SortKey }
  | { readonly kind: 'search'; readonly text: string }
  | { readonly kind: 'trash' }

export interface EntryRow {
  readonly id: string
  readonly kind: 'folder' | 'file'
  readonly name: string
  readonly path: readonly string[]
  readonly size: number
  readonly type: string
  readonly modified: number
  readonly versions: number
  readonly deleted?: number | null
  readonly until?: number
  readonly status?: FileStatus | { readonly kind: 'elsewhere'; readonly device?: string }
  readonly needsFile: boolean
  readonly notes: readonly Note[]
  readonly kept?: KeptState
}

export interface Listing {
  readonly path: readonly { readonly id: string; readonly name: string }[]
  readonly total: number
  readonly from: number
  readonly rows: readonly EntryRow[]
  readonly whole: number
}

export interface VersionRow {
  readonly id: string
  readonly size: number
  readonly modified: number
  readonly added: number
  readonly device?: string
  readonly current: boolean
}

/** Ids handed out at once: all of the largest drive that is measured. */
const MOST_IDS = 100_000
/** A search shows so many. */
const FOUND = 1000
/** Files that suffice to offer all of a list at once. */
const SEVERAL = 2
const DAY_MS = 86_400_000

export interface ListsDeps {
  readonly files: DriveFiles
  readonly storage: Pick<Storage, 'row'>
  /** What a device of the account is called; `undefined` where that is not known. */
  readonly deviceName: (index: number) => string | undefined
  /** How an entry is kept on this device; `undefined` when it is not. */
  readonly kept: (entry: Entry) => KeptState | undefined
  /** Another number after each change of the drive. */
  readonly revision: () => number
}

/** Lists of the drive with what is known of their files. Errors: `absent` `entry.absent`. */
export class Lists {
  private readonly deps: ListsDeps
  private last: { readonly key: string; readonly entries: readonly Entry[] } | undefined

  constructor(deps: ListsDeps) {
    this.deps = deps
  }

  /** At most `count` rows from `from` on. */
  list(query: Query, from: number, count: number): Listing {
    const entries = this.entries(query)
    const start = Math.max(0, Math.floor(from))
    const rows = entries.slice(start, start + Math.max(0, Math.floor(count))).map((entry) => this.row(entry, query.kind))
    return { path: query.kind === 'folder' ? this.above(query.folder) : [], total: entries.length, from: start, rows, whole: query.kind === 'trash' ? 0 : this.wholeOf(entries) }
  }

  /** The first entry at or after `from`, then from the start, whose name begins with `prefix`, without case and accents; -1 for none. */
  seek(query: Query, prefix: string, from: number): number {
    const entries = this.entries(query)
    const wanted = searchKey(prefix)
    const fits = ({ name }: Entry): boolean => searchKey(name).startsWith(wanted)
    const after = entries.findIndex((entry, i) => i >= from && fits(entry))
    return after >= 0 ? after : entries.findIndex(fits)
  }

  ids(query: Query): string[] {
    return this.entries(query).slice(0, MOST_IDS).map(({ id }) => id)
  }

  /** All versions of a file, the current one first. */
  versions(file: string): VersionRow[] {
    return this.view.versions(file).map(({ id, size, modified, added, device }, i) => {
      const name = this.deps.deviceName(device)
      return { id, size, modified, added, current: i === 0, ...(name === undefined ? {} : { device: name }) }
    })
  }

  private get view(): View {
    return this.deps.files.view
  }

  /** Sorted once for each state of the drive: a long list is asked for window by window. */
  private entries(query: Query): readonly Entry[] {
    const key = `${String(this.deps.revision())} ${JSON.stringify(query)}`
    if (this.last?.key !== key) this.last = { key, entries: this.ask(query) }
    return this.last.entries
  }

  private ask(query: Query): Entry[] {
    if (query.kind === 'folder') return this.view.children(query.folder, query.sort)
    return query.kind === 'search' ? this.view.search(query.text, FOUND) : this.view.trash()
  }

  private above(folder: string): { id: string; name: string }[] {
    const path: { id: string; name: string }[] = []
    for (let at = folder; at !== TOP; ) {
      const { id, name, parent } = this.view.entry(at)
      path.unshift({ id, name })
      at = parent
    }
    return path
  }

  private wholeOf(entries: readonly Entry[]): number {
    let whole = 0
    for (const entry of entries) {
      if (entry.kind === 'file' && isWhole(this.status(entry)?.status)) whole++
      if (whole >= SEVERAL) break
    }
    return whole
  }

  private row(entry: Entry, kind: Query['kind']): EntryRow {
    const { id, name, current, versions, trashed } = entry
    const common = { id, kind: entry.kind, name, path: kind === 'folder' ? [] : this.view.path(id).slice(0, -1), versions, needsFile: false, notes: [], ...this.trashedPart(trashed), ...this.keptPart(entry) }
    if (current === undefined) return { ...common, size: 0, type: '', modified: 0 }
    const { size, type, modified } = current
    return { ...common, size, type, modified, ...this.status(entry) }
  }

  private keptPart(entry: Entry): Pick<EntryRow, 'kept'> {
    const kept = this.deps.kept(entry)
    return kept === undefined ? {} : { kept }
  }

  private trashedPart(trashed: number | undefined): Pick<EntryRow, 'deleted' | 'until'> {
    if (trashed === undefined) return {}
    return Number.isFinite(trashed) ? { deleted: trashed, until: trashed + this.view.keepDays * DAY_MS } : { deleted: null }
  }

  private status({ id, current }: Entry): Pick<EntryRow, 'status' | 'needsFile' | 'notes'> | undefined {
    if (current === undefined) return undefined
    const own = this.deps.files.stored(id, current.id)
    if (own !== undefined) {
      const { status, needsFile, notes } = this.deps.storage.row(own)
      return { status, needsFile, notes }
    }
    const device = this.deps.deviceName(current.device)
    return { status: device === undefined ? { kind: 'elsewhere' } : { kind: 'elsewhere', device }, needsFile: false, notes: [] }
  }
}

function isWhole(status: EntryRow['status']): boolean {
  return status?.kind === 'safe' || status?.kind === 'stored' || status?.kind === 'elsewhere'
}
