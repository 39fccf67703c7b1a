import { transfer, wrap } from 'comlink'
import type { PeerContract, PeerInit, PeerStart } from './contract.ts'
import type { ServeRequest } from './download/answer.ts'
import type { FromServer } from './download/stream.ts'
import { installTransferHandlers } from './errors.ts'
import { guardPeer } from './peer-guard.ts'
import peerWorkerUrl from './peer-worker.ts?worker&url'
import { serveRtc } from './rtc/page-end.ts'
import { scriptUrls, type ScriptUrl } from './trusted.ts'

/** What a page has of Shoal: all else lives in workers. */
export interface ShoalPage {
  /** The peer worker of that mode; started at the first call, the same one at every later one. */
  openPeer(mode: PeerInit['mode']): PeerContract
  /**
   * Registers the service worker (downloads and the offline shell need it) and calls `waiting` when a new version of Shoal is there.
   * Rejects where the browser refuses service workers.
   */
  installServiceWorker(waiting: () => void): Promise<void>
  /** Stops the peers, lets the new version take over, and loads the page again. */
  update(): Promise<void>
}

/** Called once, at the page's entry point. `relays` are those of the build (`PeerInit`). */
export function shoalPage(relays: readonly string[]): ShoalPage {
  installTransferHandlers()
  const script = scriptUrls(globalThis)
  const container = navigator.serviceWorker
  const peers = new Map<PeerInit['mode'], PeerContract>()
  container.addEventListener('message', ({ data, ports }: MessageEvent<Partial<ServeRequest>>) => {
    const [port] = ports
    if (data.kind !== 'shoal-serve' || data.token === undefined || port === undefined) return
    void serve([...peers.values()], data.token, port)
  })
  return {
    openPeer(mode) {
      const peer = peers.get(mode) ?? (canTransferChannels() ? startPeer(script(peerWorkerUrl), { relays, mode }) : startInPage({ relays, mode }, script))
      peers.set(mode, peer)
      return peer
    },
    installServiceWorker: (waiting) => install(container, script('/service-worker.js'), waiting),
    async update() {
      await Promise.allSettled([...peers.values()].map((peer) => peer.stop()))
      const waiting = (await container.getRegistration())?.waiting ?? null
      if (waiting === null) {
        location.reload()
        return
      }
      container.addEventListener('controllerchange', () => {
        location.reload()
      })
      waiting.postMessage('skip-waiting')
    },
  }
}

function startPeer(url: string, init: PeerInit): PeerContract {
  const worker = new Worker(url, { type: 'module', name: `shoal-${init.mode}` })
  const { port1, port2 } = new MessageChannel()
  const close = serveRtc(port1, RTCPeerConnection)
  // Peers hear at once that this tab goes, instead of waiting for its silence.
  addEventListener('pagehide', close)
  // The first message of all; those of Comlink follow it.
  worker.postMessage({ init, rtc: port2 } satisfies PeerStart, [port2])
  // Every method of the contract returns a promise already, so Comlink's view of it is the same.
  return guardPeer(worker, wrap<PeerContract>(worker))
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
function startInPage(init: PeerInit, script: ScriptUrl): PeerContract {
  const starting = import('./peer-page.ts').then(({ startPeerInPage }) => startPeerInPage(init, script))
  const calls = (name: keyof PeerContract) => async (...given: unknown[]) => {
    const peer = await starting
    return (peer[name] as (...given: unknown[]) => Promise<unknown>).apply(peer, given)
  }
  return new Proxy({} as PeerContract, { get: (_, name: keyof PeerContract) => calls(name) })
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
  check()
}
