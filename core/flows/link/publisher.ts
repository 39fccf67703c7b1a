import { fromHex, toHex, type Bytes } from '../../base/bytes.ts'
import { AppError, asAppError, isAppError, throwIfAborted } from '../../base/errors.ts'
import { linkKeys, type LinkKeys } from '../../account/keys.ts'
import { encode } from '../../formats/codec.ts'
import { lastName } from '../../formats/file-name.ts'
import type { Health, ShareRef } from '../../formats/list.ts'
import { formatRecordValue, RECORD_HOLDERS } from '../../formats/record-value.ts'
import { LEASE_SECONDS } from '../../formats/receipt.ts'
import { shareObject, type ShareContent } from '../../formats/share.ts'
import type { PeerKey, Records } from '../../ports/network.ts'
import { sealObject, type SealedObject } from '../../seal/object.ts'
import type { Search } from '../hosts/search.ts'
import type { FileEntry } from '../list/entry.ts'
import { buildShare, type BuiltShare, type ShareDeps } from './share.ts'

/** A DHT that takes longer than this, in ms, does not hold up a removal. */
const OFFER_MS = 15_000

export interface PublisherDeps extends ShareDeps {
  readonly search: Search
  readonly records: Records
  /** Hosts that a share object is worth waiting for: n of the store. */
  readonly wanted: number
}

/** Makes a stored file reachable by its link: share object on hosts, record with it. */
export class Publisher {
  private readonly deps: PublisherDeps

  constructor(deps: PublisherDeps) {
    this.deps = deps
  }

  /**
   * Puts the share object of a file whose pieces are all stored, with a record newer than any before. What is about to be put goes to
   * `intend` first, so that it can be taken back whatever happens. Resolves to what the list keeps.
   * Errors: as `buildShare`; `transient` `hosts.none` when no host took the object; `aborted`.
   */
  async publish(
    file: FileEntry,
    sealKey: Bytes,
    intend: (share: ShareRef) => Promise<void>,
    signal: AbortSignal,
  ): Promise<{ share: ShareRef; health: Health }> {
    const { record } = file
    // Right after a start hardly a host is there yet: object and trees would lie on one.
    await this.deps.search.settled(this.deps.wanted, signal)
    const built = record.inline === undefined ? await buildShare(file, sealKey, this.deps, signal) : tiny(record.inline)
    const keys = await linkKeys(record.link)
    const { type, size, modified } = record
    // Folders are the owner's business.
    const name = lastName(record.name)
    const object = await sealObject(encode(shareObject, { name, type, size, modified, content: built.content }), keys.readKey, this.deps.blake3)
    const sequence = nextSequence(record.share, this.deps.clock.now())
    const chosen = this.choose(built.hosts)
    const share = { name: object.name, length: object.bytes.length, holders: chosen.map(fromHex), sequence, announced: false, stale: true, nodes: union(built.nodes, record.share?.nodes ?? []) }
    await intend(share)
    const holders = await this.put(object, keys, { chosen, sequence }, signal)
    return { share: { ...share, stale: false, holders: holders.map(fromHex) }, health: healthOf(built, holders) }
  }

  /** Puts the file's record into the DHT. Resolves to whether a server took it. */
  async announce(file: FileEntry, signal: AbortSignal): Promise<boolean> {
    const { share, link } = file.record
    if (share === undefined) return false
    const keys = await linkKeys(link)
    const record = await this.sign(keys, { name: share.name, holders: share.holders }, share.sequence)
    return (await this.deps.records.publish(keys.recordName, record, { signal })) > 0
  }

  /** Tells holders that the file is gone, and the DHT, under the sequence in its record. Resolves to the holders that could not be told. */
  async retract(file: FileEntry, signal: AbortSignal): Promise<readonly Bytes[]> {
    const { share, link } = file.record
    if (share === undefined) return []
    const keys = await linkKeys(link)
    // The same bytes at every attempt: a holder whose answer was lost takes them again.
    const record = await this.sign(keys, undefined, share.sequence, share.sequence)
    const told = await Promise.all(share.holders.map((host) => this.tell(toHex(host), keys.recordName, record, new Uint8Array(), signal)))
    await this.offer(keys.recordName, record, signal)
    // A holder with a newer record was told otherwise since, and will never take this one.
    return share.holders.filter((_, i) => told[i] !== true && !(isAppError(told[i]) && told[i].code === 'record.older'))
  }

  /** Puts a record into the DHT if that works within a while: its holders publish it as well. */
  private async offer(name: Bytes, record: Bytes, signal: AbortSignal): Promise<void> {
    const over = new AbortController()
    const stop = AbortSignal.any([signal, over.signal])
    const publishing = this.deps.records.publish(name, record, { signal: stop }).catch(() => 0)
    const late = this.deps.clock.sleep(OFFER_MS, stop).catch(() => undefined)
    await Promise.race([publishing, late])
    over.abort()
    throwIfAborted(signal)
  }

  private async put(
    object: SealedObject,
    keys: LinkKeys,
    { chosen, sequence }: { readonly chosen: readonly PeerKey[]; readonly sequence: number },
    signal: AbortSignal,
  ): Promise<PeerKey[]> {
    const record = await this.sign(keys, { name: object.name, holders: chosen.map(fromHex) }, sequence)
    const took = await Promise.all(chosen.map((host) => this.tell(host, keys.recordName, record, object.bytes, signal)))
    const holders = chosen.filter((_, i) => took[i] === true)
    if (holders.length === 0) throw new AppError('transient', 'hosts.none', 'no host took the share object', causeOf(took))
    return holders
  }

  private async tell(host: PeerKey, name: Bytes, record: Bytes, object: Bytes, signal: AbortSignal): Promise<AppError | true> {
    try {
      const client = await this.deps.hosts.client(host, signal)
      await client.putObject(name, record, object, { signal })
      return true
    } catch (error) {
      throwIfAborted(signal)
      return asAppError(error, 'transient', 'host.failed')
    }
  }

  /** Hosts of the file first, then the other connected ones: the object is small, and every reader needs it. */
  private choose(own: ReadonlySet<PeerKey>): PeerKey[] {
    const connected = this.deps.hosts.candidates().map(({ key }) => key)
    return [...connected.filter((key) => own.has(key)), ...connected.filter((key) => !own.has(key))].slice(0, RECORD_HOLDERS)
  }

  private sign(keys: LinkKeys, object: { readonly name: Bytes; readonly holders: readonly Bytes[] } | undefined, sequence: number, from = this.deps.clock.now()): Promise<Bytes> {
    const value = formatRecordValue(object === undefined ? { kind: 'gone' } : { kind: 'object', ...object })
    const expires = from + LEASE_SECONDS * 1000
    return this.deps.records.sign(keys.recordSeed, { value, sequence: BigInt(sequence), expires })
  }
}

function tiny(bytes: Bytes): BuiltShare {
  const content: ShareContent = { kind: 'inline', bytes }
  return { content, nodes: [], health: { badRows: 0, badHosts: 0, stored: bytes.length }, survives: Infinity, hosts: new Set() }
}

/** The object itself is one more thing that must be left: any one of its holders suffices. */
function healthOf(built: BuiltShare, holders: readonly PeerKey[]): Health {
  const least = Math.min(built.survives, holders.length - 1)
  const hosts = built.hosts.size > 0 ? built.hosts.size : holders.length
  return { ...built.health, restorable: least >= 0, survives: Math.max(0, least), hosts }
}

/** A sequence above all that were signed for the link before; `now` in ms. */
export function nextSequence(share: ShareRef | undefined, now: number): number {
  return Math.max(Math.floor(now), (share?.sequence ?? 0) + 1)
}

/** Nodes of now, and those of before: they are released together. */
function union(now: readonly Bytes[], before: readonly Bytes[]): Bytes[] {
  return [...new Set([...now, ...before].map(toHex))].map(fromHex)
}

function causeOf(took: readonly (AppError | true)[]): { cause: unknown } | undefined {
  const cause = took.find((one) => one !== true)
  return cause === undefined ? undefined : { cause }
}
