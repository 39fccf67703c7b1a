import { AppError } from '../../core/base/errors.ts'
import type { Download, PeerContract } from '../../workers/contract.ts'
import type { EntryRow, VersionRow } from '../../workers/contract-drive.ts'
import { count, timeText } from '../words.ts'
import { download } from './download.ts'
import type { Messages } from './messages.svelte.ts'

type Named = Pick<EntryRow, 'id' | 'name'>

/** What a person does with files and folders. Each resolves to whether it worked; if not, the message says why. */
export class Drive {
  private readonly peer: PeerContract
  private readonly messages: Messages

  constructor(peer: PeerContract, messages: Messages) {
    this.peer = peer
    this.messages = messages
  }

  cancel(id: string): Promise<boolean> {
    return this.attempt(() => this.peer.cancel(id))
  }

  retry(id: string): Promise<boolean> {
    return this.attempt(() => this.peer.retry(id))
  }

  /** Moves entries to the trash; `one` is its name when it is only one. */
  remove(ids: readonly string[], one?: string): Promise<boolean> {
    return this.attempt(async () => {
      await this.peer.trash(ids)
      this.messages.say(`Moved ${one ?? things(ids.length)} to the trash.`)
    })
  }

  move(ids: readonly string[], folder: string, folderName: string): Promise<boolean> {
    return this.attempt(async () => {
      await this.peer.move(ids, folder)
      this.messages.say(`Moved ${things(ids.length)} to ${folderName}.`)
    })
  }

  restore({ id, name }: Named): Promise<boolean> {
    return this.attempt(async () => {
      await this.peer.restore([id])
      this.messages.say(`${name} is back in your files.`)
    })
  }

  emptyTrash(): Promise<boolean> {
    return this.attempt(async () => {
      await this.peer.emptyTrash()
      this.messages.say('The trash is empty.')
    })
  }

  restoreVersion({ id, name }: Named, version: VersionRow): Promise<boolean> {
    return this.attempt(async () => {
      await this.peer.restoreVersion(id, version.id)
      this.messages.say(`${name} is again as it was on ${timeText(version.added)}.`)
    })
  }

  setKeepDays(days: number): Promise<boolean> {
    return this.attempt(async () => {
      await this.peer.setKeepDays(days)
      this.messages.say(`Deleted files are kept for ${count(days, 'day')}.`)
    })
  }

  setKept({ id, name }: Named, on: boolean): Promise<boolean> {
    return this.attempt(async () => {
      await this.peer.setKept([id], on)
      this.messages.say(on ? `${name} will be kept on this device.` : `${name} is not kept on this device any more.`)
    })
  }

  copyLink(id: string): Promise<boolean> {
    return this.attempt(async () => {
      const seed = await this.peer.link(id)
      try {
        await navigator.clipboard.writeText(linkUrl(seed))
      } catch (cause) {
        throw new AppError('denied', 'clipboard.refused', 'the clipboard cannot be written', { cause })
      }
      this.messages.say('Link copied. Whoever has it can open this file.')
    })
  }

  /** Downloads a file, or a folder as a ZIP. */
  download({ id, kind }: Pick<EntryRow, 'id' | 'kind'>): Promise<boolean> {
    return kind === 'folder' ? this.downloadZip([id]) : this.watch(() => this.peer.downloadFile(id))
  }

  downloadVersion(id: string, version: string): Promise<boolean> {
    return this.watch(() => this.peer.downloadVersion(id, version))
  }

  /** Downloads entries as one ZIP; the whole drive for an empty list. */
  downloadZip(ids: readonly string[]): Promise<boolean> {
    return this.watch(() => this.peer.downloadZip(ids))
  }

  private watch(start: () => Promise<Download>): Promise<boolean> {
    return this.attempt(async () => this.follow(await start()))
  }

  private follow(made: Download): Promise<void> {
    const { left = 0 } = made
    if (left > 0) this.messages.say(left === 1 ? '1 file is left out, since it is not stored yet.' : `${String(left)} files are left out, since they are not stored yet.`)
    return download(this.peer, made, (state) => {
      if (state.kind === 'failed') this.messages.explain(state.error)
      else if (state.kind === 'running' && state.problem !== undefined) this.messages.explain(state.problem)
    })
  }

  private attempt(work: () => Promise<unknown>): Promise<boolean> {
    return this.messages.attempt(work)
  }
}

/** `3 entries`, `1 entry`. */
function things(number: number): string {
  return number === 1 ? '1 entry' : `${String(number)} entries`
}

/** The address that opens a file anywhere; the seed stays in the fragment, which no server is sent. */
export function linkUrl(seed: string): string {
  return `${location.origin}${location.pathname}#/s/${seed}`
}
