import { AppError } from '../../core/base/errors.ts'
import type { Download, PeerContract } from '../contract.ts'

/** As many as the peer worker remembers (download/downloads.ts). */
const MAX_MADE = 64

/** Makes a token stand, at a leader, for what it stands for. */
type Open = (peer: Preparing, token: string) => Promise<Download>

type Preparing = Pick<PeerContract, 'downloadFile' | 'downloadVersion' | 'downloadLink' | 'downloadZip'>

interface Made {
  readonly open: Open
  at: At | undefined
  opening: Promise<unknown>
}

/** A leader. */
interface At {
  readonly peer: Preparing
}

/** What this page's download tokens stand for, so that another leader can go on with them [P5]. */
export class MadeDownloads {
  private readonly made = new Map<string, Made>()

  has(token: string): boolean {
    return this.made.has(token)
  }

  /** `token` was made by the leader `at`; `open` makes it at another one. Of too many the oldest is forgotten. */
  remember(token: string, open: Open, at: At): void {
    this.made.set(token, { open, at, opening: Promise.resolve() })
    const [oldest] = this.made.keys()
    if (this.made.size > MAX_MADE && oldest !== undefined) this.made.delete(oldest)
  }

  /** Makes `token` a download of the leader `at` as well, unless it is. Throws `absent` `download.unknown`, and why it cannot be opened. */
  async openAt(at: At, token: string): Promise<void> {
    const made = this.made.get(token)
    if (made === undefined) throw new AppError('absent', 'download.unknown', 'no such download')
    if (made.at !== at) {
      made.at = at
      const opening = made.open(at.peer, token)
      made.opening = opening
      opening.catch(() => {
        if (made.at === at) made.at = undefined
      })
    }
    await made.opening
  }
}
