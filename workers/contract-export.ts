// Copying the drive into a folder of the computer, as pages and the peer worker speak of it. Types only.

/** How far a copy is. */
export interface ExportState {
  /** Files copied, and how many there are. */
  readonly done: number
  readonly files: number
  /** Bytes written. */
  readonly bytes: number
}

/** What came of a copy. */
export interface ExportReport {
  /** Name of the new folder that holds it all. */
  readonly folder: string
  readonly files: number
  /** Files and folders whose name the computer does not take, and which have another one there. */
  readonly renamed: number
  /** Files that could not be copied: not stored yet, or their hosts are away. */
  readonly left: number
  /** Paths of the first of them. */
  readonly examples: readonly string[]
}

export interface ExportContract {
  /**
   * Copies the whole drive, but not its trash, into a new folder inside `folder`; `listener` hears how far it is. What was there before stays as it is.
   * One copy at a time: `denied` `export.running`. `denied` `export.refused` when the browser takes the folder away, `quota` `export.full`, `transient` `export.lost`.
   */
  exportTo(folder: FileSystemDirectoryHandle, listener: (state: ExportState) => void): Promise<ExportReport>
  /** Ends the copy; files that are whole stay. `exportTo` rejects `aborted`. */
  cancelExport(): Promise<void>
}
