import type { PlainError } from '../core/base/errors.ts'
import type { AccountContract, AccountState } from './contract-account.ts'
import type { DriveContract, DriveState } from './contract-drive.ts'
import type { ExportContract } from './contract-export.ts'

/** What a page may ask of the peer worker (over Comlink), and what it is told. Types only: nothing here reaches libp2p. */

export type { FileStatus, FileToAdd, Note } from './contract-files.ts'

export interface RelayRow {
  readonly url: string
  readonly connected: boolean
  readonly problem?: string
  /** Named by another relay, and chosen by nobody. */
  readonly learned?: true
}

/** What this browser holds for others. */
export interface Hosting {
  readonly on: boolean
  /** Bytes offered to others, a whole number of GiB. */
  readonly space: number
  /** What may be offered here, in bytes: 1, 2, 4 … GiB, as far as the browser grants it. Empty while it is not known. */
  readonly choices: readonly number[]
  /** Bytes held for others, and how many pieces. */
  readonly used: number
  readonly shards: number
  /** Peers with a stream to this host now. */
  readonly guests: number
  /** Whether the browser promised not to clear this origin's data when the disk is short. */
  readonly persisted: boolean
  readonly problem?: PlainError
}

/** What this browser keeps of the contents of own files, beside what hosts have. */
export interface CopiesState {
  /** Bytes that copies of opened files may take, and what may be chosen: 0, 256 MiB, 1, 4, 16 GiB, as far as the browser grants it. */
  readonly room: number
  readonly choices: readonly number[]
  /** Bytes of such copies, and of files that the person keeps here. */
  readonly cached: number
  readonly kept: number
  /** Why no more can be kept. */
  readonly problem?: PlainError
}

/** Bytes. */
export interface CodedBytes {
  readonly read: number
  readonly fresh: number
  readonly compressed: number
  readonly shards: number
}

/** Everything the page draws; sent whole, at most 4 times a second, and only when it changed. */
export interface Snapshot {
  readonly phase: 'starting' | 'running' | 'waiting-for-tab'
  readonly peers: number
  readonly hosts: number
  /** Peers that only a relay leads to: they can take and give little. */
  readonly relayed: number
  readonly relays: readonly RelayRow[]
  /** Absent where nothing is kept, or until it is known. */
  readonly drive?: DriveState
  readonly account?: AccountState
  /** Bytes of own files; bytes they take on hosts; bytes that the connected hosts would still take from us. */
  readonly space: { readonly files: number; readonly stored: number; readonly free: number }
  /** What was stored since the peer was started: bytes of files, of these what was new here, that compressed, and its shards. */
  readonly coded?: CodedBytes
  /** Bytes used by Shoal in this browser, and the most the browser grants; outbox included. */
  readonly local: { readonly used: number; readonly quota: number }
  /** Absent where nothing is kept, or until it is known. */
  readonly hosting?: Hosting
  /** Absent where no copies are kept, or until it is known. */
  readonly copies?: CopiesState
  readonly problem?: PlainError
}

/** What a link shows before anything is downloaded. */
export interface LinkView {
  readonly name: string
  readonly type: string
  readonly size: number
  readonly modified: number
}

/** A file ready to be streamed through the service worker. */
export interface Download {
  /** Same-origin path to load in a hidden frame: `/s/<token>/<name>`. */
  readonly url: string
  readonly token: string
  /** Files that a ZIP leaves out, since they are not stored yet. */
  readonly left?: number
}

export type DownloadState =
  | {
      readonly kind: 'running'
      readonly done: number
      readonly size: number
      /** Why it does not go on just now; it is tried again by itself. */
      readonly problem?: PlainError
    }
  | { readonly kind: 'done'; readonly size: number }
  | { readonly kind: 'failed'; readonly error: PlainError }

/** The peer worker. Every rejection crosses as an `AppError` (workers/errors.ts). */
export interface PeerContract extends DriveContract, AccountContract, ExportContract {
  /** Calls `listener` with a snapshot now and after each change, until the page's port closes. */
  watch(listener: (snapshot: Snapshot) => void): Promise<void>
  /** Stops storing the newest version of a file and forgets it; what hosts already hold is released. */
  cancel(id: string): Promise<void>
  retry(id: string): Promise<void>
  /** The seed of the file's link, 43 characters. `transient` `link.unpublished` until the file is stored. */
  link(id: string): Promise<string>
  /** Looks a link up. `invalid` `link.damaged`; `absent` `link.gone`, `link.absent`; `transient` `link.unreachable`. */
  openLink(seed: string): Promise<LinkView>
  /** Prepares the streaming of an own file, or of a link's file; under `token`, when another leader gave it that one. */
  downloadFile(id: string, token?: string): Promise<Download>
  downloadVersion(id: string, version: string, token?: string): Promise<Download>
  downloadLink(seed: string, token?: string): Promise<Download>
  /** Prepares the streaming of entries, folders with all that is in them, as one ZIP file; an empty list means the whole drive. */
  downloadZip(ids: readonly string[], token?: string): Promise<Download>
  /** Reports a download until it ends. */
  watchDownload(token: string, listener: (state: DownloadState) => void): Promise<void>
  cancelDownload(token: string): Promise<void>
  /** Whether `token` stands for a download of this worker. */
  owns(token: string): Promise<boolean>
  /** The service worker asks, through the page, for the bytes of `token`; answers on `port` (workers/stream.ts). */
  serve(token: string, port: MessagePort): Promise<void>
  /** The backup file (docs/formats/list.md). */
  backup(): Promise<Blob>
  /** Merges a backup file; resolves to the number of files that came back. */
  restoreBackup(file: Blob): Promise<number>
  setRelays(urls: readonly string[]): Promise<void>
  /**
   * Hosts for others with `space` bytes from now on, also after a restart; or takes nothing new, and serves out what was promised.
   * `invalid` `hosting.space` for a space that is none of the choices.
   */
  setHosting(on: boolean, space: number): Promise<void>
  /** Room for copies of opened files; what has no place in it any more goes at once. `invalid` `copies.room` for one that is none of the choices. */
  setCopiesRoom(bytes: number): Promise<void>
  /** Answers another tab of this browser on `port`, as a peer worker (docs/protocols/leader.md P1). */
  attach(port: MessagePort): Promise<void>
  /** Ends all work and closes storage, before an update or on leaving. */
  stop(): Promise<void>
}

/** How a page starts the peer worker. */
export interface PeerInit {
  /** Origin that serves `/relay.json`, and further relays from build time. */
  readonly relays: readonly string[]
  /** A reader keeps nothing: for a link opened beside a running Shoal, or where storage is refused. */
  readonly mode: 'full' | 'reader'
  /** In full mode, the name under which it says that it lives (docs/protocols/leader.md L2). */
  readonly leader?: string
}

/** The first message to a peer worker. */
export interface PeerStart {
  readonly init: PeerInit
  /** The RTC bridge to the page (workers/rtc). */
  readonly rtc: MessagePort
}
