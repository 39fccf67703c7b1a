import type { PlainError } from '../core/base/errors.ts'
import type { FileStatus, FileToAdd, Note } from './contract-files.ts'

// What a page may ask about folders, files, versions and trash. Types only. Ids are entry ids of the drive (docs/formats/drive.md); the top folder has the empty one.

export type SortKey = 'name' | 'size' | 'date' | 'kind'

/** What a list shows. */
export type Query =
  | { readonly kind: 'folder'; readonly folder: string; readonly sort: SortKey }
  /** Names and paths in the whole drive, as one types. */
  | { readonly kind: 'search'; readonly text: string }
  /** What was deleted by itself, last deleted first. */
  | { readonly kind: 'trash' }

/** One entry of a list. */
export interface EntryRow {
  readonly id: string
  readonly kind: 'folder' | 'file'
  readonly name: string
  /** Names of the folders above, from the top down. */
  readonly path: readonly string[]
  /** Bytes; 0 of a folder. */
  readonly size: number
  readonly type: string
  /** Milliseconds since 1970: of the current version; 0 of a folder. */
  readonly modified: number
  /** Versions of a file, the current one among them. */
  readonly versions: number
  /** When it was deleted, for one in the trash; `null` when that is not known. */
  readonly deleted?: number | null
  /** When it will be gone for good, for one in the trash. */
  readonly until?: number
  /** Of a file. `elsewhere`: another device of the account stored it. */
  readonly status?: EntryStatus
  /** The rest of the file must be handed over again (dropped or picked) to go on. */
  readonly needsFile: boolean
  readonly notes: readonly Note[]
  /** Kept on this device, itself or with a folder above it: `percent` of it (100: all) is here; `chosen`: the person chose this very entry. */
  readonly kept?: { readonly percent: number; readonly chosen: boolean }
}

export type EntryStatus = FileStatus | { readonly kind: 'elsewhere'; readonly device?: string }

/** A part of a list. */
export interface Listing {
  /** Folders from the top down to the one that is listed, without the top; empty for search and trash. */
  readonly path: readonly { readonly id: string; readonly name: string }[]
  /** Entries of the whole list; `rows` are those from `from` on. */
  readonly total: number
  readonly from: number
  readonly rows: readonly EntryRow[]
  /** Files of the list that hosts have all of: more than one can be downloaded as a ZIP. */
  readonly whole: number
}

export interface VersionRow {
  readonly id: string
  readonly size: number
  readonly modified: number
  /** When it was stored, and on which device. */
  readonly added: number
  readonly device?: string
  readonly current: boolean
}

/** What a person does with folders and files. Errors of docs/formats/drive.md: `name.*`, `entry.*`, `move.cycle`, `version.absent`. */
export interface DriveContract {
  /** Part of a list: at most `count` rows from `from` on. `absent` `entry.absent` for a folder that is gone. */
  list(query: Query, from: number, count: number): Promise<Listing>
  /** The row of the first entry whose name begins with `prefix`, at or after row `from`, then from the start; -1 for none. */
  seek(query: Query, prefix: string, from: number): Promise<number>
  /** Ids of all entries of a list, in order, 100,000 at most: to select all. */
  ids(query: Query): Promise<readonly string[]>
  /** All versions of a file, the current one first. */
  versions(id: string): Promise<readonly VersionRow[]>
  /** Adds files to `folder`; those with a path also make its folders. One with the name of another file becomes its newest version. */
  add(files: readonly FileToAdd[], folder: string): Promise<void>
  createFolder(parent: string, name: string): Promise<string>
  rename(id: string, name: string): Promise<void>
  /** Moves entries into `folder`, all or none; names that are taken there get a number. */
  move(ids: readonly string[], folder: string): Promise<void>
  /** Deletes entries: they go to the trash. */
  trash(ids: readonly string[]): Promise<void>
  restore(ids: readonly string[]): Promise<void>
  restoreVersion(id: string, version: string): Promise<void>
  /** Keeps files, or folders with all that is in them now and later, on this device, whatever hosts do; or no longer. Only this device knows. */
  setKept(ids: readonly string[], on: boolean): Promise<void>
  /** Deletes for good what is in the trash; its room on hosts is free once all devices know. */
  emptyTrash(): Promise<void>
  /** How long versions and deleted entries are kept, 1 to 3650 days. */
  setKeepDays(days: number): Promise<void>
}

/** What a snapshot says of the drive. */
export interface DriveState {
  /** Another number whenever a list may look different: then it is asked for again. */
  readonly revision: number
  readonly files: number
  readonly folders: number
  /** Files and bytes in the trash. */
  readonly trash: { readonly files: number; readonly folders: number; readonly bytes: number }
  readonly keepDays: number
  /** Files of this device whose store is not over, and would be cut short by closing the page. */
  readonly unfinished: number
  readonly problem?: PlainError
}
