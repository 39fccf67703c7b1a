// The peer in the page, for browsers that cannot hand a data channel to a worker: the same service, with storage in a worker of its own.
import { browserRealm } from './browser-realm.ts'
import type { PeerContract, PeerInit } from './contract.ts'
import { beatAs } from './leader/beat.ts'
import { PeerService } from './peer-service.ts'
import { mended } from './rtc/mended.ts'
import storageWorkerUrl from './storage-worker.ts?worker&url'
import { remoteShardFiles } from './storage/remote-shard-files.ts'
import type { ScriptUrl } from './trusted.ts'

/** Starts the peer in this realm. Loaded only where it is needed; sets the global `RTCPeerConnection` that libp2p reads when it is imported. */
export function startPeerInPage(init: PeerInit, script: ScriptUrl): PeerContract {
  globalThis.RTCPeerConnection = mended(RTCPeerConnection)
  let worker: Worker | undefined
  const files = (folder: string) => {
    worker ??= new Worker(script(storageWorkerUrl), { type: 'module', name: 'shoal-storage' })
    return Promise.resolve(remoteShardFiles(worker, folder))
  }
  const service = new PeerService(browserRealm({ script, files }), init)
  addEventListener('online', () => {
    service.poke()
  })
  // Peers hear at once that this tab goes.
  addEventListener('pagehide', () => void service.stop())
  const beating = new AbortController()
  if (init.leader !== undefined) void beatAs(init.leader, beating.signal)
  void service.run().then(() => beating.abort())
  return service
}
