import { TOP, type VersionRecord } from '../formats/drive.ts'
import { UNNAMED } from './names.ts'

/** What a version says about itself; its content is read from the document when it is asked for. */
export interface Version extends Omit<VersionRecord, 'content'> {
  readonly id: string
}

const NO_VERSIONS: readonly Version[] = []

/** What the index knows of one entry id that the document has a key for: also of one that was purged. */
export class TreeNode {
  readonly id: string
  /** As in `p`; the top when that is no folder id. */
  parent = TOP
  hasParent = false
  hasName = false
  /** As shown where nothing else is called like it; with its `alikeKey` and `searchKey`. */
  name = UNNAMED
  key = UNNAMED
  search = UNNAMED
  /** As in `t`. */
  trashed: number | undefined = undefined
  /** Newest first. */
  versions = NO_VERSIONS
  /** It stands at the top because it is the smallest of a circle. */
  cut = false
  /** The folder that lists it; `undefined` for what does not exist, or is listed in the trash. */
  place: string | undefined = undefined
  counted = false

  constructor(id: string) {
    this.id = id
  }

  get isFolder(): boolean {
    return this.id.startsWith('d')
  }

  /** docs/formats/drive.md 3.1 */
  get exists(): boolean {
    return this.isFolder ? this.hasName : this.versions.length > 0
  }

  /** Whether the document has nothing of it any more. */
  get empty(): boolean {
    return !this.hasParent && !this.hasName && this.trashed === undefined && this.versions.length === 0
  }
}

/** Order of versions: newest first (docs/formats/drive.md 2). */
export function newestFirst(a: Version, b: Version): number {
  return b.added - a.added || (a.id < b.id ? 1 : -1)
}
