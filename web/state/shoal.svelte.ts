import type { Download, FileRow, FileToAdd, Hosting, PeerContract, Snapshot } from '../../workers/contract.ts'
import { AppError, toPlainError, type PlainError } from '../../core/base/errors.ts'
import { explain, type Keeping } from '../words.ts'
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
type BrowserStorage = Pick<StorageManager, 'persisted' | 'persist'>

/** What a person chooses about hosting. */
type HostingChoice = Pick<Hosting, 'on' | 'space'>

/** What the files screen draws, and what a person can do there. */
export class Shoal {
  snapshot = $state.raw<Snapshot>(EMPTY)
  /** A short message about the last thing done; empty when there is none. */
  message = $state('')
  /** Whether closing the page would cut a store short; one that waits for hosts is under way too. */
  busy = $derived(this.snapshot.files.some(({ status, needsFile }) => (status.kind === 'storing' || status.kind === 'waiting') && !needsFile))

  /** Files that hosts have all of. */
  whole = $derived(this.snapshot.files.filter(({ status }) => status.kind === 'safe' || status.kind === 'stored'))

  /** Whether the browser promised here to keep its data. */
  keeping = $state<Keeping>('unasked')

  private readonly peer: PeerContract
  private readonly storage: BrowserStorage
  private clearing: ReturnType<typeof setTimeout> | undefined
  private asked = false
  /** What was chosen last about hosting, until a snapshot shows it: two quick changes must not undo each other. */
  private chosen: { readonly choice: HostingChoice; saved: boolean } | undefined

  constructor(peer: PeerContract, storage: BrowserStorage = navigator.storage) {
    this.peer = peer
    this.storage = storage
  }

  async start(): Promise<void> {
    await this.attempt(() =>
      this.peer.watch((snapshot) => {
        this.snapshot = snapshot
        if (this.chosen?.saved === true) this.chosen = undefined
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
    await this.attempt(async () => this.watchDownload(await this.peer.downloadFile(id)))
  }

  /** Downloads all files that are whole, as one ZIP. */
  async downloadAll(): Promise<void> {
    await this.attempt(async () => {
      const left = this.snapshot.files.length - this.whole.length
      if (left > 0) this.say(left === 1 ? '1 file is left out, since it is not whole.' : `${String(left)} files are left out, since they are not whole.`)
      await this.watchDownload(await this.peer.downloadZip(this.whole.map(({ id }) => id)))
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

  /** Changes one thing about hosting and leaves the other as it is. Resolves to whether that was taken; if not, the message says why. */
  async setHosting(change: Partial<HostingChoice>): Promise<boolean> {
    const before = this.chosen?.choice ?? this.snapshot.hosting
    if (before === undefined) return false
    const chosen = { choice: { on: before.on, space: before.space, ...change }, saved: false }
    this.chosen = chosen
    chosen.saved = await this.attempt(() => this.peer.setHosting(chosen.choice.on, chosen.choice.space))
    if (!chosen.saved && this.chosen === chosen) this.chosen = undefined
    return chosen.saved
  }

  /** Asks the browser, because a person wants it, not to clear what is kept when the disk is short. */
  async keepData(): Promise<void> {
    try {
      this.keeping = (await this.storage.persist()) ? 'kept' : 'refused'
    } catch {
      this.keeping = 'refused'
    }
  }

  /** Asks the browser, once there is something to lose, not to clear the list when the disk is short. What it answers changes nothing here. */
  private async keepStorage(): Promise<void> {
    if (this.asked) return
    this.asked = true
    try {
      if ((await this.storage.persisted()) || (await this.storage.persist())) this.keeping = 'kept'
    } catch {
      // Not in every browser; docs/limits.md says what that means.
    }
  }

  private watchDownload(made: Download): Promise<void> {
    return download(this.peer, made, (state) => {
      if (state.kind === 'failed') this.explain(state.error)
      else if (state.kind === 'running' && state.problem !== undefined) this.explain(state.problem)
    })
  }

  private run(work: Promise<unknown>): void {
    void this.attempt(() => work)
  }

  /** Resolves to whether it worked; if not, the message says why. */
  private async attempt(work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work()
      return true
    } catch (error) {
      this.explain(toPlainError(error))
      return false
    }
  }

  private explain(error: PlainError): void {
    const { what, means, advice } = explain(error)
    this.say(`${what}. ${means} ${advice}`)
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
