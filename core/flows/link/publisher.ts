import { fromHex, toHex, type Bytes } from '../../base/bytes.ts'
import { AppError, isAppError } from '../../base/errors.ts'
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
import { offer, tellAll } from '../records/place.ts'
import { buildShare, type BuiltShare, type ShareDeps } from './share.ts'

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
   * Errors: as `buildShare`; `transient` `hosts.none` when no host took the object, `denied` `link.ended` when one holds word of its owner that the
   * link is taken back; `aborted`.
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
    const record = await this.sign(keys, undefined, share.sequence)
    const tombstone = { name: keys.recordName, record, bytes: new Uint8Array() }
    const told = await tellAll(tombstone, share.holders.map(toHex), this.deps, signal)
    await offer(tombstone, this.deps, signal)
    // Only another tombstone keeps this one out: the holder knows.
    return share.holders.filter((_, i) => told[i] !== true && !(isAppError(told[i]) && told[i].code === 'record.older'))
  }

  private async put(
    object: SealedObject,
    keys: LinkKeys,
    { chosen, sequence }: { readonly chosen: readonly PeerKey[]; readonly sequence: number },
    signal: AbortSignal,
  ): Promise<PeerKey[]> {
    const record = await this.sign(keys, { name: object.name, holders: chosen.map(fromHex) }, sequence)
    const took = await tellAll({ name: keys.recordName, record, bytes: object.bytes }, chosen, this.deps, signal)
    const holders = chosen.filter((_, i) => took[i] === true)
    if (holders.length > 0) return holders
    const ended = took.find((one) => isAppError(one) && one.code === 'record.ended')
    if (ended !== undefined) throw new AppError('denied', 'link.ended', 'the link was taken back for good', { cause: ended })
    throw new AppError('transient', 'hosts.none', 'no host took the share object', causeOf(took))
  }

  /** Hosts of the file first, then the other connected ones: the object is small, and every reader needs it. */
  private choose(own: ReadonlySet<PeerKey>): PeerKey[] {
    const connected = this.deps.hosts.candidates().map(({ key }) => key)
    return [...connected.filter((key) => own.has(key)), ...connected.filter((key) => !own.has(key))].slice(0, RECORD_HOLDERS)
  }

  private sign(keys: LinkKeys, object: { readonly name: Bytes; readonly holders: readonly Bytes[] } | undefined, sequence: number): Promise<Bytes> {
    const value = formatRecordValue(object === undefined ? { kind: 'gone' } : { kind: 'object', ...object })
    // Counted from the sequence, so that the same is signed as the same bytes whenever: of two that differ, servers of the DHT keep out one that hosts renew.
    const expires = sequence + LEASE_SECONDS * 1000
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
