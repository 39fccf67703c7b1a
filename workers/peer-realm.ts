import type { AppError } from '../core/base/errors.ts'
import type { Blake3 } from '../core/merkle/blake3.ts'
import type { Clock, Random } from '../core/ports/clock.ts'
import type { Coder } from '../core/ports/coder.ts'
import type { Signatures } from '../core/swarm/shard-client.ts'
import type { Peer } from '../peer/peer.ts'
import type { AccountTools } from './account-tools.ts'
import type { BrowserStorage } from './storage/open.ts'

/** Everything around the peer service that is not its own doing: a browser's worker (peer-worker.ts), or a test. */
export interface PeerRealm {
  readonly clock: Clock
  readonly random: Random
  readonly signatures: Signatures
  /** Told of faults that nobody waits for. */
  readonly report: (error: AppError) => void
  openStorage(): Promise<BrowserStorage>
  openCoder(): Coder
  openAccountTools(): AccountTools
  /** What a new device is called, such as `Chrome on Linux`. */
  readonly deviceName: string
  /** The address that opens Shoal, for people to write down. */
  readonly address: string
  loadBlake3(): Promise<Blake3>
  /** Starts libp2p, which is loaded only now. */
  connect(init: { readonly seed: Uint8Array; readonly relays: readonly string[] }): Promise<Peer>
}
