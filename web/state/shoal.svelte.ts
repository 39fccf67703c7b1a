import type { FileRow, FileToAdd, PeerContract, Snapshot } from '../../workers/contract.ts'
import { AppError, toPlainError, type PlainError } from '../../core/base/errors.ts'
import { explain } from '../words.ts'
import { download } from './download.ts'

const EMPTY: Snapshot = {
  phase: 'starting',
  peers: 0,
  hosts: 0,
  relayed: 0,
  relays: [],
  files: [],
  space: { files: 0, stored: 0, free: 0 },
  local: { used: 0, quota: 0 },
}

/** How long a short message stays, in milliseconds: long enough to be read twice. */
const MESSAGE_TIME = 6000

/** What is needed of the browser's storage. */
type Keeping = Pick<StorageManager, 'persisted' | 'persist'>

/** What the files screen draws, and what a person can do there. */
export class Shoal {
  snapshot = $state.raw<Snapshot>(EMPTY)
  /** A short message about the last thing done; empty when there is none. */
  message = $state('')
  /** Whether closing the page would cut a store short; one that waits for hosts is under way too. */
  busy = $derived(this.snapshot.files.some(({ status, needsFile }) => (status.kind === 'storing' || status.kind === 'waiting') && !needsFile))

  private readonly peer: PeerContract
  private readonly storage: Keeping
  private clearing: ReturnType<typeof setTimeout> | undefined
  private asked = false

  constructor(peer: PeerContract, storage: Keeping = navigator.storage) {
    this.peer = peer
    this.storage = storage
  }

  async start(): Promise<void> {
    await this.attempt(() =>
      this.peer.watch((snapshot) => {
        this.snapshot = snapshot
      }),
    )
  }

  say(message: string): void {
    this.message = message
    clearTimeout(this.clearing)
    this.clearing = setTimeout(() => {
      this.message = ''
    }, MESSAGE_TIME)
  }

  add(files: readonly FileToAdd[]): void {
    if (files.length > 0) this.run(this.peer.add(files).then(() => this.keepStorage()))
  }

  cancel(id: string): void {
    this.run(this.peer.cancel(id))
  }

  retry(id: string): void {
    this.run(this.peer.retry(id))
  }

  remove({ id, name }: Pick<FileRow, 'id' | 'name'>): void {
    this.run(
      this.peer.remove(id).then(() => {
        this.say(`Removed ${name}. Its link no longer opens, and its hosts delete its pieces.`)
      }),
    )
  }

  async copyLink(id: string): Promise<void> {
    await this.attempt(async () => {
      const seed = await this.peer.link(id)
      try {
        await navigator.clipboard.writeText(linkUrl(seed))
      } catch (cause) {
        throw new AppError('denied', 'clipboard.refused', 'the clipboard cannot be written', { cause })
      }
      this.say('Link copied. Whoever has it can open this file.')
    })
  }

  async download(id: string): Promise<void> {
    await this.attempt(async () => {
      await download(this.peer, await this.peer.downloadFile(id), (download) => {
        if (download.kind === 'failed') this.explain(download.error)
        else if (download.kind === 'running' && download.problem !== undefined) this.explain(download.problem)
      })
    })
  }

  async backUp(): Promise<void> {
    await this.attempt(async () => {
      saveBlob(await this.peer.backup(), `shoal-list-${today()}.shoal`)
      this.say('List saved. Keep it safe: whoever has it can open and remove your files.')
    })
  }

  async restore(file: File): Promise<void> {
    await this.attempt(async () => {
      const count = await this.peer.restore(file)
      this.say(count === 1 ? '1 file is back in the list.' : `${String(count)} files are back in the list.`)
    })
  }

  setRelays(urls: readonly string[]): void {
    this.run(this.peer.setRelays(urls))
  }

  /** Asks the browser, once there is something to lose, not to clear the list when the disk is short. What it answers changes nothing here. */
  private async keepStorage(): Promise<void> {
    if (this.asked) return
    this.asked = true
    try {
      if (!(await this.storage.persisted())) await this.storage.persist()
    } catch {
      // Not in every browser; docs/limits.md says what that means.
    }
  }

  private run(work: Promise<unknown>): void {
    void this.attempt(() => work)
  }

  private async attempt(work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.explain(toPlainError(error))
    }
  }

  private explain(error: PlainError): void {
    const { what, means, todo } = explain(error)
    this.say(`${what}. ${means} ${todo}`)
  }
}

/** `2026-11-21`, for the name of a file. */
function today(): string {
  return new Intl.DateTimeFormat('sv-SE').format()
}

/** The address that opens a file anywhere; the seed stays in the fragment, which no server is sent. */
export function linkUrl(seed: string): string {
  return `${location.origin}${location.pathname}#/s/${seed}`
}

/** Saves a small blob under `name`. */
function saveBlob(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob)
  const anchor = document.createElement('a')
  anchor.href = url
  anchor.download = name
  anchor.click()
  setTimeout(() => {
    URL.revokeObjectURL(url)
  }, MESSAGE_TIME)
}
