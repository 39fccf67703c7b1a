import type { Download, DownloadState, PeerContract } from '../../workers/contract.ts'
import { AppError } from '../../core/base/errors.ts'

/** How long a service worker may take to start in a browser that was never here, in milliseconds: a slow phone fetches and keeps the shell first. */
const READY_TIME = 60_000

/** How long the frame of a download stays after its last byte, in milliseconds: taken away at once, it takes a small download with it. */
const FRAME_TIME = 60_000

/**
 * Downloads what the service worker serves at `url`, through a hidden frame, so that this page stays as it is. Calls `tell` with each state.
 * Before the service worker has started, the server would be asked, which has no files. Throws `transient` `download.unready`.
 */
export async function download(peer: PeerContract, { url, token }: Download, tell: (download: DownloadState) => void): Promise<void> {
  const late = new Promise<undefined>((resolve) => setTimeout(resolve, READY_TIME))
  if ((await Promise.race([navigator.serviceWorker.ready, late])) === undefined) {
    throw new AppError('transient', 'download.unready', 'no service worker')
  }
  const frame = document.createElement('iframe')
  frame.hidden = true
  frame.title = 'Download'
  frame.src = url
  document.body.append(frame)
  await peer.watchDownload(token, (state) => {
    if (state.kind !== 'running') setTimeout(() => frame.remove(), FRAME_TIME)
    tell(state)
  })
}
