import { AppError } from '../../core/base/errors.ts'
import type { Download, PeerContract } from '../contract.ts'

/** As many as the peer worker remembers (download/downloads.ts). */
const MAX_MADE = 64

type Kind = 'downloadFile' | 'downloadLink'

interface Made {
  readonly kind: Kind
  /** The id of a file, or the seed of a link. */
  readonly of: string
  at: At | undefined
  opening: Promise<unknown>
}

/** A leader. */
interface At {
  readonly peer: Pick<PeerContract, Kind>
}

/** What this page's download tokens stand for, so that another leader can go on with them [P5]. */
export class MadeDownloads {
  private readonly made = new Map<string, Made>()

  has(token: string): boolean {
    return this.made.has(token)
  }

  /** `token` was made for `of` by the leader `at`. Of too many the oldest is forgotten. */
  remember(token: string, kind: Kind, of: string, at: At): void {
    this.made.set(token, { kind, of, at, opening: Promise.resolve() })
    const [oldest] = this.made.keys()
    if (this.made.size > MAX_MADE && oldest !== undefined) this.made.delete(oldest)
  }

  /** Makes `token` a download of the leader `at` as well, unless it is. Throws `absent` `download.unknown`, and why it cannot be opened. */
  async openAt(at: At, token: string): Promise<void> {
    const made = this.made.get(token)
    if (made === undefined) throw new AppError('absent', 'download.unknown', 'no such download')
    if (made.at !== at) {
      made.at = at
      const opening: Promise<Download> = at.peer[made.kind](made.of, token)
      made.opening = opening
      opening.catch(() => {
        if (made.at === at) made.at = undefined
      })
    }
    await made.opening
  }
}
