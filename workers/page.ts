import { transfer, wrap } from 'comlink'
import { systemClock } from '../peer/system.ts'
import type { PeerContract, PeerInit, PeerStart } from './contract.ts'
import type { ServeRequest } from './download/answer.ts'
import type { FromServer } from './download/stream.ts'
import { installTransferHandlers } from './errors.ts'
import { LOCK } from './leader/election.ts'
import { CHANNEL, type LeadRequest, type News } from './leader/news.ts'
import { answerWhoLeads, reachLeader } from './leader/page-end.ts'
import { TabPeer, type OwnPeer } from './leader/tab-peer.ts'
import { guardPeer } from './peer-guard.ts'
import peerWorkerUrl from './peer-worker.ts?worker&url'
import { serveRtc } from './rtc/page-end.ts'
import { scriptUrls, type ScriptUrl } from './trusted.ts'

/** What a page has of Shoal: all else lives in workers. */
export interface ShoalPage {
  /**
   * The peer of that mode; started at the first call, the same one at every later one. In full mode it is the one peer of this browser, whichever tab
   * runs it (docs/protocols/leader.md).
   */
  openPeer(mode: PeerInit['mode']): PeerContract
  /**
   * Registers the service worker (downloads, followers and the offline shell need it) and calls `waiting` when a new version of Shoal is there.
   * Rejects where the browser refuses service workers.
   */
  installServiceWorker(waiting: () => void): Promise<void>
  /** Stops the peers of all tabs, lets the new version take over, and loads these pages again. */
  update(): Promise<void>
}

/** The longest that other tabs may take to stop before an update, in ms: a frozen one never does, and its writes are fenced off. */
const UPDATE_MS = 10_000

/** How often a tab that stays open asks for a new version, in ms: browsers look by themselves only when a page is opened. */
const LOOK_MS = 3_600_000

/** Called once, at the page's entry point. `relays` are those of the build (`PeerInit`). */
export function shoalPage(relays: readonly string[]): ShoalPage {
  installTransferHandlers()
  return new Page(scriptUrls(globalThis), relays)
}

class Page implements ShoalPage {
  private readonly container = navigator.serviceWorker
  private readonly channel = new BroadcastChannel(CHANNEL)
  private readonly refused = Promise.withResolvers<undefined>()
  private readonly script: ScriptUrl
  private readonly relays: readonly string[]
  private reader: PeerContract | undefined
  private tab: TabPeer | undefined

  constructor(script: ScriptUrl, relays: readonly string[]) {
    this.script = script
    this.relays = relays
    this.container.addEventListener('message', ({ data, ports: [port] }: MessageEvent<Partial<ServeRequest> | LeadRequest>) => {
      if (port === undefined) return
      if (data.kind === 'shoal-lead') answerWhoLeads(port, this.tab)
      else if (data.kind === 'shoal-serve' && data.token !== undefined) void serve(this.peers(), data.token, port)
    })
  }

  openPeer(mode: PeerInit['mode']): PeerContract {
    if (mode === 'full') return (this.tab ??= this.startTab()).peer
    return (this.reader ??= this.start({ relays: this.relays, mode }).peer)
  }

  async installServiceWorker(waiting: () => void): Promise<void> {
    try {
      await install(this.container, this.script('/service-worker.js'), waiting)
    } catch (error) {
      this.refused.resolve(undefined)
      throw error
    }
  }

  async update(): Promise<void> {
    const waiting = (await this.container.getRegistration())?.waiting ?? null
    if (waiting === null) {
      location.reload()
      return
    }
    this.channel.postMessage({ kind: 'update' } satisfies News)
    await Promise.allSettled([this.leave(), this.reader?.stop()])
    await lockIsFree()
    waiting.postMessage('skip-waiting')
  }

  private peers(): PeerContract[] {
    return [this.tab?.peer, this.reader].filter((peer) => peer !== undefined)
  }

  private startTab(): TabPeer {
    const tab = new TabPeer({
      clock: systemClock,
      locks: { request: (name, wish, task) => navigator.locks.request(name, wish, task) },
      visible: () => document.visibilityState === 'visible',
      newName: () => crypto.randomUUID(),
      say: (news) => this.channel.postMessage(news),
      start: (leader, died) => this.start({ relays: this.relays, mode: 'full', leader }, died),
      reach: () => this.reach(),
    })
    this.channel.addEventListener('message', ({ data }: MessageEvent<News>) => {
      if (data.kind === 'update') void this.leave()
      else tab.hear(data)
    })
    void tab.run()
    addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') void tab.peer.refresh().catch(() => undefined)
    })
    return tab
  }

  /** Makes room for a new version, which loads this page again. */
  private async leave(): Promise<void> {
    this.container.addEventListener('controllerchange', () => location.reload(), { once: true })
    await this.tab?.leave()
  }

  private async reach(): ReturnType<typeof reachLeader> {
    const worker = (await Promise.race([this.container.ready, this.refused.promise]))?.active
    if (worker === null || worker === undefined) return undefined
    return reachLeader((request, port) => worker.postMessage(request, [port]))
  }

  private start(init: PeerInit, died?: () => void): OwnPeer {
    return canTransferChannels() ? startPeer(this.script(peerWorkerUrl), init, died) : startInPage(init, this.script)
  }
}

async function lockIsFree(): Promise<void> {
  // Kept until this page is loaded again, so that no other tab begins in between.
  const late = AbortSignal.timeout(UPDATE_MS)
  await new Promise<void>((resolve) => {
    const hold = (): Promise<void> => {
      resolve()
      return new Promise(() => undefined)
    }
    navigator.locks.request(LOCK, { signal: late }, hold).catch(() => resolve())
  })
}

function startPeer(url: string, init: PeerInit, died: () => void = () => undefined): OwnPeer {
  const worker = new Worker(url, { type: 'module', name: `shoal-${init.mode}` })
  const { port1, port2 } = new MessageChannel()
  const close = serveRtc(port1, RTCPeerConnection)
  // Peers hear at once that this tab goes, instead of waiting for its silence.
  addEventListener('pagehide', close)
  // The first message of all; those of Comlink follow it.
  worker.postMessage({ init, rtc: port2 } satisfies PeerStart, [port2])
  return {
    // Every method of the contract returns a promise already, so Comlink's view of it is the same.
    peer: guardPeer(worker, wrap<PeerContract>(worker), died),
    end() {
      removeEventListener('pagehide', close)
      worker.terminate()
      close()
      port1.close()
    },
  }
}

/** Whether this browser can hand a data channel to a worker. Where not, libp2p must run in the page. */
function canTransferChannels(): boolean {
  const connection = new RTCPeerConnection()
  try {
    const channel = connection.createDataChannel('')
    structuredClone(channel, { transfer: [channel as unknown as Transferable] })
    return true
  } catch {
    return false
  } finally {
    connection.close()
  }
}

/** The peer in this realm, once its code is there. */
function startInPage(init: PeerInit, script: ScriptUrl): OwnPeer {
  const starting = import('./peer-page.ts').then(({ startPeerInPage }) => startPeerInPage(init, script))
  const calls = (name: keyof PeerContract) => async (...given: unknown[]) => {
    const peer = await starting
    return (peer[name] as (...given: unknown[]) => Promise<unknown>).apply(peer, given)
  }
  const peer = new Proxy({} as PeerContract, { get: (_, name: keyof PeerContract) => calls(name) })
  // What it still writes is fenced off (docs/protocols/leader.md F2).
  return { peer, end: () => void peer.stop().catch(() => undefined) }
}

/** Hands `port` to the peer worker that has the download, or says that none has. */
async function serve(peers: readonly PeerContract[], token: string, port: MessagePort): Promise<void> {
  for (const peer of peers) {
    // One that died has no downloads.
    if (!(await peer.owns(token).catch(() => false))) continue
    await peer.serve(token, transfer(port, [port]))
    return
  }
  port.postMessage({ kind: 'none' } satisfies FromServer)
  port.close()
}

async function install(container: ServiceWorkerContainer, url: string, waiting: () => void): Promise<void> {
  const registration = await container.register(url, { type: 'classic' })
  container.startMessages()
  const check = (): void => {
    // Without a controller this is the first one: nothing of ours is old.
    if (registration.waiting !== null && container.controller !== null) waiting()
  }
  registration.addEventListener('updatefound', () => {
    registration.installing?.addEventListener('statechange', check)
  })
  // Fails while the server cannot be reached, and is done again.
  setInterval(() => void registration.update().catch(() => undefined), LOOK_MS)
  check()
}
