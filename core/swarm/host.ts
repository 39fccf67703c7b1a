import { asAppError, type AppError } from '../base/errors.ts'
import type { Blake3 } from '../merkle/blake3.ts'
import type { Clock, Random } from '../ports/clock.ts'
import type { Identity, Network, Records } from '../ports/network.ts'
import type { Verify } from '../formats/signed.ts'
import { advertKeeper } from './advert-keeper.ts'
import { SHARD_PROTOCOL } from './limits.ts'
import { keepRecords } from './record-keeper.ts'
import { serveShards } from './server.ts'
import type { Vault } from './vault.ts'

export interface HostInit {
  readonly vault: Vault
  readonly network: Pick<Network, 'handle'>
  readonly records: Records
  readonly identity: Identity
  readonly blake3: Blake3
  readonly clock: Clock
  readonly random: Random
  readonly verify: Verify
  /** Multiaddrs of now, best first. */
  readonly addresses: () => readonly string[]
  /** Tenths of the last 30 days that this host was online (`openUptime`). */
  readonly uptimeClass: () => number
  /** Told how many peers have a stream, after each change. */
  readonly guests?: ((peers: number) => void) | undefined
  /** Told of faults that nobody waits for. */
  readonly report: (error: AppError) => void
}

/**
 * Hosts for others until `signal` fires: answers `/shoal/shard/1`, publishes the records it holds, sweeps the index. It is for the caller to announce it, and
 * to let `vault.settled()` pass at the end. The same in a tab and on Node.
 */
export async function runHost(parts: HostInit, signal: AbortSignal): Promise<void> {
  const { vault, network, records, clock, report } = parts
  const { addresses, uptimeClass, identity } = parts
  const advert = advertKeeper({ vault, identity, clock, addresses, uptimeClass })
  await network.handle(SHARD_PROTOCOL, serveShards({ ...parts, advert }), signal)
  const failed = (error: unknown) => {
    if (!signal.aborted) report(asAppError(error))
  }
  keepRecords({ objects: vault.objects, records, clock, report }, signal).catch(failed)
  vault.tend(signal).catch(failed)
}
