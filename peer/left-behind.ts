import type { Connection, Libp2p } from '@libp2p/interface'
import { AppError } from '../core/base/errors.ts'
import type { Log } from './log.ts'

/** Any protocol that every peer speaks: that it is agreed upon is the answer. */
const PING = '/ipfs/ping/1.0.0'
/** Who is asked answers within this, in ms, or is not there any more. */
const ANSWER_WITHIN_MS = 5000

/**
 * Ends connections that a peer has left behind, when it opens another one. A device that went to another network, or slept, cannot say good-bye, and TCP
 * waits for it for a quarter of an hour; meanwhile libp2p takes the oldest connection for whatever is sent to it. So the oldest is asked, and the next one
 * only if it is not there any more: one ping for each connection that comes, however many a peer has.
 */
export function endLeftBehind(node: Libp2p, log: Log): void {
  const asking = new Set<string>()
  node.addEventListener('connection:open', ({ detail }) => {
    const peer = detail.remotePeer.toString()
    if (detail.limits !== undefined || asking.has(peer)) return
    asking.add(peer)
    void askOldest(node, detail, log).finally(() => asking.delete(peer))
  })
}

async function askOldest(node: Libp2p, newest: Connection, log: Log): Promise<void> {
  for (const older of node.getConnections(newest.remotePeer)) {
    if (older === newest || older.limits !== undefined) continue
    try {
      const stream = await older.newStream(PING, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS), negotiateFully: true })
      await stream.close()
      return
    } catch (error) {
      log('info', 'a connection that was left behind is ended', { peer: newest.remotePeer.toString() }, error)
      older.abort(new AppError('transient', 'connection.left', 'the peer does not answer on this connection'))
    }
  }
}
