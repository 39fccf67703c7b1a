import type { DownloadState, LinkView, PeerContract, Snapshot } from '../../workers/contract.ts'
import { toPlainError, type PlainError } from '../../core/base/errors.ts'
import { download } from './download.ts'

/** Wait between two looks for a link whose hosts are away, in milliseconds: long enough not to flood, short enough to wait for. */
const RETRY_TIME = 5000

/** A shared link's page: looks the link up, again and again while its hosts are away, and downloads the file. */
export class SharedLink {
  view = $state.raw<LinkView | undefined>(undefined)
  problem = $state.raw<PlainError | undefined>(undefined)
  download = $state.raw<DownloadState | undefined>(undefined)
  snapshot = $state.raw<Snapshot | undefined>(undefined)

  private readonly peer: PeerContract
  private readonly seed: string
  private stopped = false

  constructor(peer: PeerContract, seed: string) {
    this.peer = peer
    this.seed = seed
  }

  async start(): Promise<void> {
    await this.peer.watch((snapshot) => {
      this.snapshot = snapshot
    })
    while (!this.stopped && this.view === undefined) {
      await this.lookUp()
      if (this.problem === undefined || !mayPass(this.problem)) return
      await new Promise((resolve) => setTimeout(resolve, RETRY_TIME))
    }
  }

  stop(): void {
    this.stopped = true
  }

  async save(): Promise<void> {
    this.problem = undefined
    try {
      await download(this.peer, await this.peer.downloadLink(this.seed), (state) => {
        this.download = state
        this.problem = state.kind === 'failed' ? state.error : state.kind === 'running' ? state.problem : undefined
      })
    } catch (error) {
      this.problem = toPlainError(error)
    }
  }

  private async lookUp(): Promise<void> {
    try {
      this.view = await this.peer.openLink(this.seed)
      this.problem = undefined
    } catch (error) {
      this.problem = toPlainError(error)
    }
  }
}

/** Whether looking again can help: hosts come back, an edited link stays edited, a removed file stays removed. */
function mayPass(problem: PlainError): boolean {
  return problem.kind === 'transient' || problem.code === 'link.absent'
}
