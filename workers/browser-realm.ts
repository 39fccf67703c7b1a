import { loadBlake3 } from '../core/merkle/blake3.ts'
import * as signatures from '../core/seal/ed25519.ts'
import type { ShardFiles } from '../core/vault/shard-files.ts'
import { jsonLog } from '../peer/log.ts'
import { systemClock, systemRandom } from '../peer/system.ts'
import accountWorkerUrl from './account-worker.ts?worker&url'
import { accountTools } from './account-tools.ts'
import coderWorkerUrl from './coder-worker.ts?worker&url'
import { browserCoder } from './coder-workers.ts'
import { deviceName } from './device.ts'
import type { PeerRealm } from './peer-realm.ts'
import { openBrowserStorage } from './storage/open.ts'
import type { ScriptUrl } from './trusted.ts'

export interface RealmInit {
  readonly script: ScriptUrl
  /** Opens the shard files of a folder (`openBrowserStorage`). */
  readonly files: (folder: string) => Promise<ShardFiles>
}

const log = jsonLog(
  // eslint-disable-next-line no-console -- the only place where a browser keeps a log
  (line) => console.debug(line),
  () => systemClock.now(),
)

/** What the peer service has around it in a browser, in the peer worker or, where that cannot have WebRTC, in the page. WebRTC must be in the globals before `connect`. */
export function browserRealm({ script, files }: RealmInit): PeerRealm {
  return {
    clock: systemClock,
    random: systemRandom,
    signatures,
    report: (error) => {
      log('warn', 'something in the background failed', {}, error)
    },
    openStorage: () => openBrowserStorage(files, systemRandom),
    openCoder: () =>
      browserCoder(() => new Worker(script(coderWorkerUrl), { type: 'module', name: 'shoal-coder' })),
    deviceName: deviceName(navigator.userAgent),
    address: location.origin,
    openAccountTools: () =>
      accountTools(() => new Worker(script(accountWorkerUrl), { type: 'module', name: 'shoal-account' })),
    loadBlake3: () => loadBlake3(),
    async connect({ seed, relays }) {
      const { startBrowserPeer } = await import('../peer/browser.ts')
      const { shoalWebRtc } = await import('../peer/web-rtc.ts')
      return startBrowserPeer({ seed, relays, clock: systemClock, random: systemRandom, log, webRtc: shoalWebRtc })
    },
  }
}
