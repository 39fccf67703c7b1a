// Entry of the peer worker: joins a browser's storage, locks and coder workers to libp2p and the flows.
import { expose } from 'comlink'
import { browserRealm } from './browser-realm.ts'
import type { PeerStart } from './contract.ts'
import { installTransferHandlers } from './errors.ts'
import { beatAs } from './leader/beat.ts'
import { PeerService } from './peer-service.ts'
import { installRtc } from './rtc/worker-end.ts'
import { openOpfsShardFiles } from './storage/opfs-shard-files.ts'
import { scriptUrls } from './trusted.ts'

declare const self: DedicatedWorkerGlobalScope

const script = scriptUrls(self)

self.addEventListener(
  'message',
  ({ data: { init, rtc } }: MessageEvent<PeerStart>) => {
    installTransferHandlers()
    installRtc(self, rtc)
    if (init.leader !== undefined) void beatAs(init.leader)
    const service = new PeerService(browserRealm({ script, files: (folder) => openOpfsShardFiles(navigator.storage, folder) }), init)
    self.addEventListener('online', () => {
      service.poke()
    })
    expose(service, self)
    void service.run()
  },
  { once: true },
)
