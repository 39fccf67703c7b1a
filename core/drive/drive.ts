import * as Y from 'yjs'
import { own, type Bytes } from '../base/bytes.ts'
import { applyChecked, mapsOf, mergeUpdates, openDocument, updateSince } from './document.ts'
import { Editor, type DriveSession } from './editor.ts'
import { Losses, rescue } from './rescue.ts'
import { Touched, Tree, type TreeChange } from './tree.ts'
import { Unsaved } from './unsaved.ts'
import { naturalOrder, View } from './view.ts'

export interface DriveOptions extends DriveSession {
  /** Order of names in lists; `naturalOrder()` when absent. */
  readonly compare?: (a: string, b: string) => number
}

/** One account's folders, files, versions and trash (docs/formats/drive.md): a document that merges, and an index over it. */
export class Drive {
  /** Changes. */
  readonly edit: Editor
  /** Questions. */
  readonly view: View
  private readonly doc: Y.Doc
  private readonly tree: Tree
  private readonly now: () => number
  private readonly listeners = new Set<(change: TreeChange) => void>()
  private touched = new Touched()
  private losses: Losses | undefined
  private readonly unsaved = new Unsaved()

  private constructor(doc: Y.Doc, options: DriveOptions) {
    const maps = mapsOf(doc)
    this.doc = doc
    this.now = options.now
    this.tree = new Tree(maps)
    this.edit = new Editor(doc, maps, this.tree, options)
    this.view = new View(maps, this.tree, options.compare ?? naturalOrder())
    for (const map of [maps.parent, maps.name, maps.trashed]) {
      map.observe((event) => {
        for (const id of event.keysChanged as Set<unknown>) if (typeof id === 'string') this.touched.entries.add(id)
        if (map === maps.name) this.lose(event, this.losses?.names)
      })
    }
    maps.versions.observe((event) => {
      for (const key of event.keysChanged as Set<unknown>) if (typeof key === 'string') this.touched.versions.add(key)
      this.lose(event, this.losses?.versions)
    })
    maps.settings.observe(() => {
      this.touched.settings = true
    })
    doc.on('afterTransaction', () => this.follow())
    doc.on('update', (update: Uint8Array) => this.unsaved.add(own(update)))
  }

  /**
   * A drive made of stored parts, in any order; of none, an empty one. What *other* devices have goes through `apply` afterwards, so that a
   * purge among it cannot take what this device knows better.
   * Throws `corrupt` `drive.damaged`, `invalid` `drive.large` or `format.version`.
   */
  static open(parts: Iterable<Uint8Array>, options: DriveOptions): Drive {
    return new Drive(openDocument(parts, options.random), options)
  }

  /** One update that does what all of `updates` do. Throws `corrupt` `drive.damaged` or `invalid` `drive.large`. */
  static merge(updates: readonly Uint8Array[]): Bytes {
    return mergeUpdates(updates)
  }

  /** The whole document. */
  snapshot(): Bytes {
    return own(Y.encodeStateAsUpdate(this.doc))
  }

  /** Which changes this document has, for the `updateSince` of another. */
  stateVector(): Bytes {
    return own(Y.encodeStateVector(this.doc))
  }

  /** What a document at `stateVector` lacks, and all removals. Throws `corrupt` `drive.damaged`. */
  updateSince(stateVector: Uint8Array): Bytes {
    return updateSince(this.doc, stateVector)
  }

  /** Merges what another device sent. Throws as `open`, and then nothing has changed. */
  apply(update: Uint8Array): void {
    const losses = (this.losses = new Losses())
    try {
      applyChecked(this.doc, update, 'apply')
    } finally {
      this.losses = undefined
    }
    if (losses.any) this.doc.transact(() => rescue(mapsOf(this.doc), this.tree, losses, this.now()))
  }

  /** Whether something merged waits for changes that have not come yet. */
  get waiting(): boolean {
    return this.doc.store.pendingStructs !== null || this.doc.store.pendingDs !== null
  }

  /** All changes since the last call, own and merged, as one update to be stored; `undefined` when there are none. */
  takeChanges(): Bytes | undefined {
    return this.unsaved.take()
  }

  /** Calls `listener` after each change of the view or of a setting, until `signal` fires. */
  watch(listener: (change: TreeChange) => void, signal: AbortSignal): void {
    if (signal.aborted) return
    this.listeners.add(listener)
    signal.addEventListener('abort', () => void this.listeners.delete(listener), { once: true })
  }

  private follow(): void {
    const { touched } = this
    if (touched.entries.size + touched.versions.size === 0 && !touched.settings) return
    this.touched = new Touched()
    const change = this.tree.update(touched)
    for (const listener of [...this.listeners]) listener(change)
  }

  /** Notes what a merged update removed. */
  private lose(event: Y.YMapEvent<unknown>, lost: Map<string, unknown> | undefined): void {
    if (lost === undefined) return
    for (const key of event.keysChanged as Set<unknown>) {
      if (typeof key !== 'string' || event.target.has(key)) continue
      const change = event.keys.get(key)
      if (change?.action === 'delete') lost.set(key, change.oldValue)
    }
  }
}
