import type { FileToAdd, Hosting, PeerContract, Snapshot } from '../../workers/contract.ts'
import type { AccountState } from '../../workers/contract-account.ts'
import type { SortKey } from '../../workers/contract-drive.ts'
import type { Keeping } from '../words.ts'
import { Drive } from './drive.ts'
import { Messages } from './messages.svelte.ts'
import { forgetShell, saveBlob, today } from './save.ts'

const EMPTY: Snapshot = {
  phase: 'starting',
  peers: 0,
  hosts: 0,
  relayed: 0,
  relays: [],
  space: { files: 0, stored: 0, free: 0 },
  local: { used: 0, quota: 0 },
}

const SIGNED_OUT = 'This browser was signed out of the account by another of its devices.'

/** What is needed of the browser's storage. */
type BrowserStorage = Pick<StorageManager, 'persisted' | 'persist'>

/** What a person chooses about hosting. */
type HostingChoice = Pick<Hosting, 'on' | 'space'>

/** What the files screen draws, and what a person can do there. */
export class Shoal {
  snapshot = $state.raw<Snapshot>(EMPTY)
  /** Whether closing the page would cut a store short. */
  busy = $derived((this.snapshot.drive?.unfinished ?? 0) > 0)
  /** The order of folders, until the page is closed. */
  sort = $state<SortKey>('name')
  /** The page is being left because the person wants it: nothing holds it back. */
  leaving = false

  /** Whether the browser promised here to keep its data. */
  keeping = $state<Keeping>('unasked')

  readonly peer: PeerContract
  readonly messages = new Messages()
  readonly drive: Drive
  private readonly storage: BrowserStorage
  private asked = false
  /** As it was told last. */
  private account: AccountState | undefined
  /** What was chosen last about hosting, until a snapshot shows it: two quick changes must not undo each other. */
  private chosen: { readonly choice: HostingChoice; saved: boolean } | undefined

  constructor(peer: PeerContract, storage: BrowserStorage = navigator.storage) {
    this.peer = peer
    this.storage = storage
    this.drive = new Drive(peer, this.messages)
  }

  /** A short message about the last thing done; empty when there is none. */
  get message(): string {
    return this.messages.text
  }

  async start(): Promise<void> {
    await this.attempt(() =>
      this.peer.watch((snapshot) => {
        this.snapshot = snapshot
        this.follow(snapshot.account)
        if (this.chosen?.saved === true) this.chosen = undefined
      }),
    )
  }


  say(message: string): void {
    this.messages.say(message)
  }

  /** Adds files to `folder`: the top where none is named. */
  add(files: readonly FileToAdd[], folder = ''): void {
    if (files.length > 0) this.run(this.peer.add(files, folder).then(() => this.keepStorage()))
  }

  async backUp(): Promise<void> {
    await this.attempt(async () => {
      saveBlob(await this.peer.backup(), `shoal-list-${today()}.shoal`)
      this.say('List saved. Keep it safe: whoever has it can open and remove your files.')
    })
  }

  async restore(file: File): Promise<void> {
    await this.attempt(async () => {
      const count = await this.peer.restoreBackup(file)
      this.say(count === 1 ? '1 file is back in the list.' : `${String(count)} files are back in the list.`)
    })
  }

  tryWithout(): void {
    this.run(this.peer.tryWithout())
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

  /** Changes the room for copies. Resolves to whether that was taken; if not, the message says why. */
  setCopiesRoom(bytes: number): Promise<boolean> {
    return this.attempt(() => this.peer.setCopiesRoom(bytes))
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

  /** Signed out, here or in another tab or by another device: the page is loaded anew, so that nothing of the account stays, neither in memory nor in what the browser keeps. */
  private follow(account: AccountState | undefined): void {
    const before = this.account
    this.account = account ?? before
    if (before?.kind !== 'account' || account?.kind !== 'none' || this.leaving) return
    this.leaving = true
    void forgetShell().then(() => {
      history.replaceState({ notice: before.asked ? SIGNED_OUT : '' }, '', '#/')
      location.reload()
    })
  }

  private run(work: Promise<unknown>): void {
    void this.attempt(() => work)
  }

  private attempt(work: () => Promise<unknown>): Promise<boolean> {
    return this.messages.attempt(work)
  }
}

/** What a page that loaded itself anew left to be told (`History.state`); empty for nothing. */
export function noticeOf(state: unknown): string {
  return typeof state === 'object' && state !== null && 'notice' in state && typeof state.notice === 'string' ? state.notice : ''
}
