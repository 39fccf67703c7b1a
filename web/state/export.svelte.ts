import { isAppError, toPlainError, type PlainError } from '../../core/base/errors.ts'
import type { PeerContract } from '../../workers/contract.ts'
import type { ExportReport, ExportState } from '../../workers/contract-export.ts'

/** Asks the person for a folder (WICG File System Access); some browsers have no such question. */
type Picker = (options: { readonly mode: 'readwrite'; readonly id: string }) => Promise<FileSystemDirectoryHandle>

/** The browser's question for a folder to write to, where it has one. */
export function folderPicker(scope: object = globalThis): Picker | undefined {
  const { showDirectoryPicker } = scope as { readonly showDirectoryPicker?: Picker }
  return showDirectoryPicker?.bind(scope)
}

/** A copy of all files into a folder of this computer. */
export class FolderCopy {
  /** While it runs. */
  state = $state.raw<ExportState | undefined>(undefined)
  /** What came of the last one. */
  report = $state.raw<ExportReport | undefined>(undefined)
  problem = $state.raw<PlainError | undefined>(undefined)
  private readonly peer: Pick<PeerContract, 'exportTo' | 'cancelExport'>
  private readonly pick: Picker

  constructor(peer: Pick<PeerContract, 'exportTo' | 'cancelExport'>, pick: Picker) {
    this.peer = peer
    this.pick = pick
  }

  /** Asks for a folder, then copies. A person who chooses none has changed their mind. */
  async start(): Promise<void> {
    if (this.state !== undefined) return
    this.report = undefined
    this.problem = undefined
    const folder = await this.ask()
    if (folder === undefined) return
    this.state = { done: 0, files: 0, bytes: 0 }
    try {
      this.report = await this.peer.exportTo(folder, (state) => {
        if (this.state !== undefined) this.state = state
      })
    } catch (error) {
      if (!isAppError(error, 'aborted')) this.problem = toPlainError(error)
    } finally {
      this.state = undefined
    }
  }

  cancel(): void {
    void this.peer.cancelExport().catch(() => undefined)
  }

  private async ask(): Promise<FileSystemDirectoryHandle | undefined> {
    try {
      return await this.pick({ mode: 'readwrite', id: 'shoal' })
    } catch (error) {
      if (!(error instanceof DOMException && error.name === 'AbortError')) this.problem = toPlainError(error)
      return undefined
    }
  }
}
