import { AppError, isAppError } from '../../core/base/errors.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { Download, DownloadState, PeerContract, Snapshot } from '../contract.ts'
import { NOTHING } from '../peer-guard.ts'
import { MadeDownloads } from './made-downloads.ts'

/** The way to one leader, for as long as it lasts. */
export interface Line {
  readonly leader: string
  readonly peer: PeerContract
  /** Resolved when that leader is gone. */
  readonly lost: PromiseWithResolvers<undefined>
}

/** Not to be done twice when nobody knows whether it was done once. */
const ONCE: ReadonlySet<string> = new Set<keyof PeerContract>(['add', 'createFolder', 'createAccount', 'signIn', 'signOut', 'changePassword', 'restoreVersion', 'emptyTrash', 'restoreBackup'])

/** Of these, one that finds nothing the second time was done the first time. */
const FORGETS: ReadonlySet<string> = new Set<keyof PeerContract>(['cancel', 'trash', 'cancelDownload'])

/** A download that cannot be opened at a new leader yet is tried again after this, in ms: it has no hosts in its first moments. */
const AGAIN_MS = 1000

type Call = (...given: never[]) => Promise<unknown>
type Calls = Readonly<Record<string, (...given: unknown[]) => Promise<unknown>>>

const LOST = Symbol('lost')

/** The peer as a page sees it, whichever tab leads at the moment (docs/protocols/leader.md, P3 to P5). */
export class LeaderLine {
  /** Calls wait here for a leader; those of another leader are repeated, or reject `transient` `leader.lost`. */
  readonly peer: PeerContract
  private readonly clock: Clock
  private readonly leave: () => Promise<void>
  private readonly downloads = new MadeDownloads()
  private readonly listeners: ((snapshot: Snapshot) => void)[] = []
  private last: Snapshot | undefined
  private line: Line | undefined
  private next = Promise.withResolvers<undefined>()
  private waiting = false

  /** `leave` is called for `stop`: this tab takes no part any more. */
  constructor(clock: Clock, leave: () => Promise<void>) {
    this.clock = clock
    this.leave = leave
    const own = this.ownCalls()
    this.peer = new Proxy({} as PeerContract, {
      // Without a `then`, which would make it look like a promise.
      get: (_, name) => (typeof name !== 'string' || name === 'then' ? undefined : (own[name] ?? ((...given: unknown[]) => this.call(name, given)))),
    })
  }

  /** From now on this is the leader. */
  connect(line: Line): void {
    const before = this.line
    this.line = line
    before?.lost.resolve(undefined)
    this.waiting = false
    this.wake()
    void line.lost.promise.then(() => {
      if (this.line === line) this.line = undefined
    })
    // A leader that goes at once is no loss: the next one is asked as well.
    line.peer.watch((snapshot) => this.tell(line, snapshot)).catch(() => undefined)
  }

  /** Another tab leads and cannot be talked to: says so, and lets calls reject `transient` `tab.waiting`, until `connect`. */
  wait(): void {
    if (this.line !== undefined) return
    this.waiting = true
    this.wake()
    this.show({ ...(this.last ?? NOTHING), phase: 'waiting-for-tab' })
  }

  private ownCalls(): Readonly<Record<string, Call>> {
    return {
      watch: (listener) => this.watch(listener),
      downloadFile: (id) => this.download('downloadFile', id),
      downloadLink: (seed) => this.download('downloadLink', seed),
      downloadVersion: (id, version) => this.download('downloadVersion', id, version),
      downloadZip: (ids) => this.download('downloadZip', ids),
      watchDownload: (token, listener) => this.watchDownload(token, listener),
      owns: async (token) => this.downloads.has(token),
      serve: (token, port) => this.serve(token, port),
      stop: () => this.leave(),
    } satisfies Partial<PeerContract>
  }

  private async call(name: string, given: readonly unknown[]): Promise<unknown> {
    return (await this.answered(name, given)).value
  }

  /** The answer to a call, and by whom. */
  private async answered(name: string, given: readonly unknown[]): Promise<{ line: Line; value: unknown }> {
    for (let again = false; ; again = true) {
      const line = await this.current()
      try {
        const value = await until(line, (line.peer as unknown as Calls)[name]!(...given))
        if (value !== LOST) return { line, value }
      } catch (error) {
        if (again && FORGETS.has(name) && isAppError(error, 'absent')) return { line, value: undefined }
        if (!isDeposed(error)) throw error
        await line.lost.promise
      }
      if (ONCE.has(name)) throw new AppError('transient', 'leader.lost', 'another tab took over in the middle of this call')
    }
  }

  private async watch(listener: (snapshot: Snapshot) => void): Promise<void> {
    this.listeners.push(listener)
    if (this.last !== undefined) listener(this.last)
  }

  private tell(line: Line, snapshot: Snapshot): void {
    if (line !== this.line) return
    const starting = snapshot.phase === 'starting' && snapshot.problem === undefined
    if (starting && this.last?.phase === 'running') return
    this.show(snapshot)
  }

  private show(snapshot: Snapshot): void {
    this.last = snapshot
    for (const listener of this.listeners) listener(snapshot)
  }

  /** `given` without the token, which each `kind` takes last. */
  private async download(kind: 'downloadFile' | 'downloadVersion' | 'downloadLink' | 'downloadZip', ...given: readonly unknown[]): Promise<Download> {
    const { line, value } = await this.answered(kind, given)
    const made = value as Download
    this.downloads.remember(made.token, (peer, token) => (peer[kind] as (...given: unknown[]) => Promise<Download>)(...given, token), line)
    return made
  }

  private async watchDownload(token: string, listener: (state: DownloadState) => void): Promise<void> {
    let done = 0
    const tell = (state: DownloadState): void => {
      // A new leader begins at nothing, until it is asked to go on.
      if (state.kind === 'running' && state.done < done && state.done === 0) return
      if (state.kind === 'running') done = state.done
      listener(state)
    }
    for (;;) {
      const line = await this.opened(token)
      if ((await until(line, line.peer.watchDownload(token, tell))) !== LOST) return
    }
  }

  private async serve(token: string, port: MessagePort): Promise<void> {
    const line = await this.opened(token)
    // The port goes with the first leader that gets it; the service worker asks anew when it is lost.
    await until(line, line.peer.serve(token, port))
  }

  /** The line to the leader of now, where `token` is a download; opened there when it was another leader's. Rejects what cannot pass. */
  private async opened(token: string): Promise<Line> {
    for (;;) {
      const line = await this.current()
      try {
        if ((await until(line, this.downloads.openAt(line, token))) !== LOST) return line
      } catch (error) {
        if (!isAppError(error, 'transient')) throw error
        await this.clock.sleep(AGAIN_MS)
      }
    }
  }

  private async current(): Promise<Line> {
    while (this.line === undefined) {
      if (this.waiting) throw new AppError('transient', 'tab.waiting', 'Shoal is open in another tab')
      await this.next.promise
    }
    return this.line
  }

  private wake(): void {
    this.next.resolve(undefined)
    this.next = Promise.withResolvers()
  }
}

/** What `call` resolves to, or `LOST` when the leader is gone first. */
function until<T>({ lost }: Line, call: Promise<T>): Promise<T | typeof LOST> {
  return Promise.race([lost.promise.then((): typeof LOST => LOST), call])
}

function isDeposed(error: unknown): boolean {
  return isAppError(error, 'transient') && error.code === 'leader.deposed'
}
