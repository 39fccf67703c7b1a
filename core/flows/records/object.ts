import { equal, toHex, type Bytes } from '../../base/bytes.ts'
import { AppError, asAppError } from '../../base/errors.ts'
import type { RecordValue } from '../../formats/record-value.ts'
import type { Blake3 } from '../../ports/blake3.ts'
import type { Clock } from '../../ports/clock.ts'
import type { PeerKey } from '../../ports/network.ts'
import { ringOr } from '../bell.ts'
import type { Hosts } from '../hosts/hosts.ts'
import { ASK_MS } from './lookup.ts'

/** A holder that is not connected by then is looked up by its key, in ms. */
const MEET_MS = 3000

export interface ObjectDeps {
  readonly hosts: Pick<Hosts, 'client' | 'isConnected' | 'changed'>
  readonly blake3: Blake3
  readonly clock: Clock
}

/** An object that a record names, and the name of that record, 32 bytes. */
export interface NamedObject {
  readonly record: Bytes
  readonly value: Extract<RecordValue, { kind: 'object' }>
}

/** The sealed object that a record names: of `objects` that came along, else from its holders. `undefined` when none of them gave it within 8 s; throws `aborted`. */
export async function objectOf({ record, value }: NamedObject, objects: readonly Bytes[], deps: ObjectDeps, signal: AbortSignal): Promise<Bytes | undefined> {
  const fits = (bytes: Bytes): boolean => equal(deps.blake3.hash(bytes), value.name)
  return objects.find(fits) ?? (await fromHolders(value.holders.map(toHex), record, fits, deps, signal))
}

/** Gives the search for hosts, which learns addresses, some time to connect to a holder of which only the key is known. */
async function met(holder: PeerKey, { hosts, clock }: ObjectDeps, signal: AbortSignal): Promise<void> {
  const until = clock.now() + MEET_MS
  while (!hosts.isConnected(holder) && clock.now() < until) await ringOr(hosts.changed, until - clock.now(), clock, signal)
}

/** The first right object that a holder gives. */
async function fromHolders(
  holders: readonly PeerKey[],
  record: Bytes,
  fits: (bytes: Bytes) => boolean,
  deps: ObjectDeps,
  signal: AbortSignal,
): Promise<Bytes | undefined> {
  const late = new AbortController()
  const stop = AbortSignal.any([signal, late.signal])
  const questions = holders.map(async (holder) => {
    await met(holder, deps, stop)
    const client = await deps.hosts.client(holder, stop)
    const { bytes } = await client.getObject(record, { signal: stop })
    if (!fits(bytes)) throw new AppError('corrupt', 'object.damaged', 'another object than the record names')
    return bytes
  })
  try {
    const first = Promise.any(questions).catch((error: unknown) => void asAppError(error))
    return (await Promise.race([first, deps.clock.sleep(ASK_MS, stop)])) ?? undefined
  } finally {
    late.abort()
  }
}
