import type { EntryRow, Listing, Query } from '../../workers/contract-drive.ts'
import type { KeyAction } from './keys.ts'
import { ListingView } from './listing.svelte.ts'
import { folderHash } from './route.ts'
import { Selection } from './selection.svelte.ts'
import { setOf } from './sets.ts'
import type { Shoal } from './shoal.svelte.ts'

/** How long what was typed counts as one beginning of a name, in milliseconds. */
const TYPE_TIME = 900

/** A dialog of the files screen. */
export type FilesDialog =
  | { readonly kind: 'create' }
  | { readonly kind: 'rename' | 'versions'; readonly entry: EntryRow }
  | { readonly kind: 'move'; readonly ids: readonly string[]; readonly title: string }

/** The list of the files screen: a folder or what a search finds, with its selection. */
export class FilesView {
  readonly list: ListingView
  readonly selection: Selection
  dialog = $state.raw<FilesDialog | undefined>(undefined)
  search = $state('')
  /** Row that gets the focus once it is drawn. */
  focus = $state<number | undefined>(undefined)
  folder = ''

  private readonly shoal: Shoal
  private before: Listing | undefined
  private typed = ''
  private forgetting: ReturnType<typeof setTimeout> | undefined

  constructor(shoal: Shoal) {
    this.shoal = shoal
    this.list = new ListingView(shoal.peer)
    this.selection = new Selection((from, to) => this.list.ids(from, to))
  }

  /** What was typed a moment ago to find a name. */
  get beginning(): string {
    return this.typed
  }

  /** Shows a list; the one before stays until the answer comes, unless another folder is opened. */
  show(query: Query): void {
    const before = this.list.query
    const resorted = before?.kind === 'folder' && query.kind === 'folder' && before.folder === query.folder
    if (query.kind === 'folder' && !resorted) this.list.empty()
    if (query.kind !== 'folder' || !resorted) this.selection.reset()
    this.list.show(query)
  }

  /** The list was answered anew: the keyboard stays with its entry, wherever that is now. */
  answered(): void {
    const { listing, ready } = this.list
    const { rows, from, total } = listing
    const id = this.before?.rows[this.selection.row - this.before.from]?.id
    const now = id === undefined ? -1 : rows.findIndex((row) => row.id === id)
    if (now >= 0) this.selection.row = from + now
    this.before = listing
    if (ready) this.selection.prune(total, rows.length === total ? rows.map((row) => row.id) : undefined)
  }

  open(entry: EntryRow): void {
    if (entry.kind === 'folder') location.hash = folderHash(entry.id)
    else if (isKept(entry)) void this.shoal.drive.download(entry)
  }

  up(): void {
    if (this.search !== '') this.search = ''
    else if (this.folder !== '') location.hash = folderHash(this.list.listing.path.at(-2)?.id ?? '')
  }

  rename(entry: EntryRow): void {
    this.dialog = { kind: 'rename', entry }
  }

  versions(entry: EntryRow): void {
    this.dialog = { kind: 'versions', entry }
  }

  /** Keeps an entry on this device, or no longer. */
  setKept(entry: EntryRow, on: boolean): void {
    void this.shoal.drive.setKept(entry, on)
  }

  /** Asks where to. */
  move(ids: readonly string[], one?: string): void {
    this.dialog = { kind: 'move', ids, title: one === undefined ? `Move ${String(ids.length)} entries` : `Move ${one}` }
  }

  /** Entries were dropped on a folder. */
  moveTo(ids: readonly string[], folder: string, name: string): void {
    if (!ids.includes(folder)) void this.shoal.drive.move(ids, folder, name)
  }

  /** Moves an entry to the trash. */
  async remove(entry: EntryRow): Promise<void> {
    this.leave(setOf([entry.id]))
    await this.shoal.drive.remove([entry.id], entry.name)
  }

  async removeSelected(): Promise<void> {
    const ids = await this.chosen()
    if (ids.length === 0) return
    const one = ids.length === 1 ? this.list.listing.rows.find(({ id }) => id === ids[0])?.name : undefined
    this.leave(setOf(ids))
    if (await this.shoal.drive.remove(ids, one)) this.selection.clear()
  }

  async moveSelected(): Promise<void> {
    this.move(await this.chosen())
  }

  async downloadSelected(): Promise<void> {
    const ids = await this.chosen()
    const only = ids.length === 1 ? this.list.listing.rows.find(({ id }) => id === ids[0]) : undefined
    if (only !== undefined) await this.shoal.drive.download(only)
    else if (ids.length > 0) await this.shoal.drive.downloadZip(ids)
  }

  /** Does what a key means. */
  async act(action: KeyAction): Promise<void> {
    const entry = this.list.row(this.selection.row)
    if (action.kind === 'go') await this.go(action.row, action.way)
    else if (action.kind === 'type') await this.seek(action.text)
    else if (action.kind === 'up') this.up()
    else if (action.kind === 'all') await this.selection.all(this.list.listing.total)
    else if (action.kind === 'clear') this.selection.clear()
    else if (action.kind === 'remove' && this.selection.ids.size > 0) await this.removeSelected()
    else if (entry !== undefined) await this.actOn(entry, action.kind)
  }

  private async actOn(entry: EntryRow, kind: 'open' | 'rename' | 'remove' | 'toggle'): Promise<void> {
    if (kind === 'open') this.open(entry)
    else if (kind === 'rename') this.rename(entry)
    else if (kind === 'remove') await this.remove(entry)
    else await this.selection.go(this.selection.row, entry.id, 'toggle')
  }

  private async go(row: number, way: 'only' | 'toggle' | 'range' | 'keep'): Promise<void> {
    const id = this.list.row(row)?.id ?? (await this.list.ids(row, row + 1))[0]
    if (id === undefined) return
    this.focus = row
    await this.selection.go(row, id, way)
  }

  private async seek(text: string): Promise<void> {
    const query = this.list.query
    if (query === undefined) return
    // A letter that begins a new name looks behind the row where the keyboard is.
    const from = this.selection.row + (this.typed === '' ? 1 : 0)
    this.typed = text
    clearTimeout(this.forgetting)
    this.forgetting = setTimeout(() => {
      this.typed = ''
    }, TYPE_TIME)
    const found = await this.shoal.peer.seek(query, text, from)
    if (found >= 0) await this.go(found, 'only')
  }

  /** Who works with the keyboard stays in the list: at the next row that stays, or the one before. Not on its `Remove`: a second Enter would take it too. */
  private leave(gone: ReadonlySet<string>): void {
    const { rows, from } = this.list.listing
    const at = this.selection.row - from
    const after = rows.findIndex(({ id }, i) => i > at && !gone.has(id))
    const next = after >= 0 ? after : rows.findLastIndex(({ id }, i) => i < at && !gone.has(id))
    if (next >= 0) this.focus = from + next
  }

  /** What is selected and still there. */
  private async chosen(): Promise<readonly string[]> {
    const { rows, total } = this.list.listing
    const there = rows.length === total ? rows.map(({ id }) => id) : await this.list.ids(0, total)
    return there.filter((id) => this.selection.has(id))
  }
}

/** Whether hosts have all of a file, or did once. */
export function isKept({ status }: Pick<EntryRow, 'status'>): boolean {
  return status?.kind === 'safe' || status?.kind === 'stored' || status?.kind === 'damaged' || status?.kind === 'elsewhere'
}
