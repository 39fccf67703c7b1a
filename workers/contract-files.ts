import type { PlainError } from '../core/base/errors.ts'

// Files, as pages and the peer worker speak of them. Types only.

/** A file to store, or one that takes the place of bytes that were lost with a closed tab. `File` crosses by reference. */
export interface FileToAdd {
  readonly file: File
  /** Name to show: with folders joined by `/` when a folder was dropped. */
  readonly path: string
  /** Where the browser can hand it again after a restart. */
  readonly handle?: FileSystemFileHandle
}

/** The states of a row, as shown (design of the page: docs/page.md). */
export type FileStatus =
  | { readonly kind: 'waiting' }
  | {
      readonly kind: 'storing'
      /** 0 to 100. */
      readonly percent: number
      /** Bytes of file per second over the last seconds, and seconds left; absent while unknown. */
      readonly speed?: number
      readonly secondsLeft?: number
    }
  | { readonly kind: 'safe'; readonly survives: number; readonly hosts: number }
  | { readonly kind: 'stored' }
  | { readonly kind: 'damaged' }
  | { readonly kind: 'failed'; readonly error: PlainError }

/** A sentence of fact for people who want to know: a host gave back damaged pieces, kept until a date. Codes of docs/page.md. */
export interface Note {
  readonly code: string
  readonly data: Readonly<Record<string, string | number>>
}
