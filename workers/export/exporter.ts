import { AppError } from '../../core/base/errors.ts'
import type { DriveFiles } from '../../core/flows/drive/files.ts'
import type { FileReader } from '../../core/flows/index.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { ExportReport, ExportState } from '../contract-export.ts'
import type { FileSource } from '../download/stream.ts'
import { exportTree, type ExportTree } from './export-tree.ts'

/** Progress is told this often, in ms. */
const TELL_MS = 250

/** Copies the drive into folders of the computer, one at a time. */
export class Exporter {
  private readonly clock: Clock
  private running: AbortController | undefined

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** Errors as `ExportContract.exportTo`. */
  async run(tree: ExportTree, into: FileSystemDirectoryHandle, listener: (state: ExportState) => void): Promise<ExportReport> {
    if (this.running !== undefined) throw new AppError('denied', 'export.running', 'another copy is under way')
    const running = new AbortController()
    this.running = running
    let told = -Infinity
    const tell = (state: ExportState): void => {
      const now = this.clock.now()
      if (Math.abs(now - told) < TELL_MS) return
      told = now
      listener(state)
    }
    try {
      const day = new Date(this.clock.now()).toISOString().slice(0, 10)
      return await exportTree(tree, into, `Shoal ${day}`, tell, running.signal)
    } finally {
      this.running = undefined
    }
  }

  cancel(): void {
    this.running?.abort(new AppError('aborted', 'aborted', 'the copy was cancelled'))
  }
}

/** The drive as it is to be copied. */
export function treeOf({ view, reader }: Pick<DriveFiles, 'view'> & { readonly reader: (id: string) => FileReader }): ExportTree {
  const { all, trash } = view.totals()
  return {
    files: all.files - trash.files,
    children: (folder) => view.children(folder),
    source(id): FileSource {
      const own = reader(id)
      const { name, type, size } = own
      return { head: { name, type, size }, read: ({ start, end }, signal) => own.read(start, end - start, { many: true, signal }) }
    },
  }
}
