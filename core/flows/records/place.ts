import type { Bytes } from '../../base/bytes.ts'
import { AppError, asAppError, throwIfAborted } from '../../base/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { PeerKey, Records } from '../../ports/network.ts'
import type { Hosts } from '../hosts/hosts.ts'

/** A DHT that takes longer than this, in ms, holds nobody up: holders publish what they keep as well. */
const OFFER_MS = 15_000

export interface PlaceDeps {
  readonly hosts: Pick<Hosts, 'client'>
  readonly records: Pick<Records, 'publish'>
  readonly clock: Clock
}

/** A signed record, and what comes with it. */
export interface NewRecord {
  /** An Ed25519 key, 32 bytes. */
  readonly name: Bytes
  readonly record: Bytes
  /** The object that the record names; none for a tombstone, and for a record that stands for itself. */
  readonly bytes: Bytes
}

/** Hosts to put a record on, the best first: those that have room and behave, then the other connected ones, since what takes the place of an old record needs none. */
export function recordHolders(hosts: Pick<Hosts, 'candidates' | 'connected'>): PeerKey[] {
  return [...new Set([...hosts.candidates().map(({ key }) => key), ...hosts.connected().map(({ host }) => host)])]
}

/** Who has a record now. */
export interface Placed {
  readonly holders: readonly PeerKey[]
  /** Who did not take it, and why: `record.older` and `record.ended` say that another one counts, all else that it may be tried again. */
  readonly refused: readonly { readonly host: PeerKey; readonly error: AppError }[]
  /** Servers of the DHT that took it; 0 is no failure, since holders publish it. */
  readonly servers: number
}

/** Puts a record on hosts and into the DHT. That nobody took it is not thrown but told. Throws `aborted` only. */
export async function placeRecord(placed: NewRecord, holders: readonly PeerKey[], deps: PlaceDeps, signal: AbortSignal): Promise<Placed> {
  const [answers, servers] = await Promise.all([tellAll(placed, holders, deps, signal), offer(placed, deps, signal)])
  const refused = holders.flatMap((host, i) => {
    const error = answers[i]
    return error === undefined || error === true ? [] : [{ host, error }]
  })
  return { holders: holders.filter((_, i) => answers[i] === true), refused, servers }
}

/** That no host took `placed`, with the reason of the first that refused. */
export function nobodyTook({ refused }: Placed): AppError {
  const cause = refused[0]?.error
  return new AppError('transient', 'hosts.none', 'no host took the record', cause === undefined ? {} : { cause })
}

/** Puts a record on hosts. Resolves to what became of each, in order: `true`, or why not. Throws `aborted` only. */
export function tellAll(placed: NewRecord, hosts: readonly PeerKey[], deps: Pick<PlaceDeps, 'hosts'>, signal: AbortSignal): Promise<(AppError | true)[]> {
  return Promise.all(hosts.map((host) => tell(host, placed, deps, signal)))
}

/** Puts a record into the DHT if that works within a while. Resolves to the number of servers that took it. Throws `aborted` only. */
export async function offer({ name, record }: NewRecord, deps: Pick<PlaceDeps, 'records' | 'clock'>, signal: AbortSignal): Promise<number> {
  const over = new AbortController()
  const stop = AbortSignal.any([signal, over.signal])
  const publishing = deps.records.publish(name, record, { signal: stop }).catch(() => 0)
  const late = deps.clock.sleep(OFFER_MS, stop).then(() => 0, () => 0)
  const servers = await Promise.race([publishing, late])
  over.abort()
  throwIfAborted(signal)
  return servers
}

async function tell(host: PeerKey, { name, record, bytes }: NewRecord, deps: Pick<PlaceDeps, 'hosts'>, signal: AbortSignal): Promise<AppError | true> {
  try {
    const client = await deps.hosts.client(host, signal)
    await client.putObject(name, record, bytes, { signal })
    return true
  } catch (error) {
    throwIfAborted(signal)
    return asAppError(error, 'transient', 'host.failed')
  }
}
