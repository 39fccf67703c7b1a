// Entry of the peer worker: joins a browser's storage, locks and coder workers to libp2p and the flows.
import { expose } from 'comlink'
import { loadBlake3 } from '../core/merkle/blake3.ts'
import * as signatures from '../core/seal/ed25519.ts'
import { jsonLog } from '../peer/log.ts'
import { systemClock, systemRandom } from '../peer/system.ts'
import { createCoderPool, lanesFor } from './coder-pool.ts'
import coderWorkerUrl from './coder-worker.ts?worker&url'
import type { PeerStart } from './contract.ts'
import { installTransferHandlers } from './errors.ts'
import type { PeerRealm } from './peer-realm.ts'
import { PeerService } from './peer-service.ts'
import { installRtc } from './rtc/worker-end.ts'
import { openBrowserStorage } from './storage/open.ts'
import { webLocks } from './storage/web-locks.ts'
import { scriptUrls } from './trusted.ts'

declare const self: DedicatedWorkerGlobalScope

const script = scriptUrls(self)
const log = jsonLog(
  // eslint-disable-next-line no-console -- the only place where a browser keeps a log
  (line) => console.debug(line),
  () => systemClock.now(),
)

const realm: PeerRealm = {
  clock: systemClock,
  random: systemRandom,
  locks: webLocks(navigator.locks),
  signatures,
  report: (error) => {
    log('warn', 'something in the background failed', {}, error)
  },
  openStorage: () => openBrowserStorage(navigator.storage),
  openCoder: () =>
    createCoderPool({
      lanes: lanesFor(navigator.hardwareConcurrency),
      spawn: () => new Worker(script(coderWorkerUrl), { type: 'module', name: 'shoal-coder' }),
    }),
  loadBlake3: () => loadBlake3(),
  async connect({ seed, relays }) {
    const { startBrowserPeer } = await import('../peer/browser.ts')
    const { shoalWebRtc } = await import('../peer/web-rtc.ts')
    return startBrowserPeer({ seed, relays, clock: systemClock, random: systemRandom, log, webRtc: shoalWebRtc })
  },
}

self.addEventListener(
  'message',
  ({ data: { init, rtc } }: MessageEvent<PeerStart>) => {
    installTransferHandlers()
    installRtc(self, rtc)
    const service = new PeerService(realm, init)
    self.addEventListener('online', () => {
      service.poke()
    })
    expose(service, self)
    void service.run()
  },
  { once: true },
)
