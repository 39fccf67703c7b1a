import type { Connection, Libp2p } from '@libp2p/interface'
import { AppError } from '../core/base/errors.ts'
import type { Log } from './log.ts'

/** Any protocol that every peer speaks: that it is agreed upon is the answer. */
const PING = '/ipfs/ping/1.0.0'
/** Who is asked answers within this, in ms, or is not there any more. */
const ANSWER_WITHIN_MS = 5000

/**
 * Ends connections that a peer has left behind, when it opens another one. A device that went to another network, or slept, cannot say good-bye, and TCP
 * waits for it for a quarter of an hour; meanwhile libp2p would take the oldest connection for whatever is sent to it.
 */
export function endLeftBehind(node: Libp2p, log: Log): void {
  node.addEventListener('connection:open', ({ detail }) => {
    for (const older of node.getConnections(detail.remotePeer)) if (older !== detail && older.limits === undefined) void ask(older, log)
  })
}

async function ask(connection: Connection, log: Log): Promise<void> {
  try {
    const stream = await connection.newStream(PING, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS), negotiateFully: true })
    await stream.close()
  } catch (error) {
    log('info', 'a connection that was left behind is ended', { peer: connection.remotePeer.toString() }, error)
    connection.abort(new AppError('transient', 'connection.left', 'the peer does not answer on this connection'))
  }
}
