import type { Bytes } from '../base/bytes.ts'
import type { AppError } from '../base/errors.ts'
import type { HostAdvert } from '../formats/advert.ts'
import type { Receipt, ReceiptShard } from '../formats/receipt.ts'
import type { Verify } from '../formats/signed.ts'
import type { PeerKey } from '../ports/network.ts'

/** What a host says to an offered shard: send it; it is staged, or leased, for this tenant already; no room for it. */
export type Verdict = 'send' | 'staged' | 'leased' | 'full'

/** Whether a host has a shard for this tenant. */
export type Holding = 'none' | 'staged' | 'leased'

/** The tenant at one host: an Ed25519 key pair, 32 bytes each (docs/formats/keys.md). */
export interface Tenant {
  readonly key: Bytes
  readonly seed: Bytes
}

/** Ed25519, passed in: `core/seal/ed25519.ts` as a whole is one. */
export interface Signatures {
  sign(seed: Uint8Array, message: Uint8Array): Bytes | Promise<Bytes>
  readonly verify: Verify
}

/** A receipt that was accepted, and its bytes as the host signed them. */
export interface SignedReceipt {
  readonly receipt: Receipt
  readonly bytes: Bytes
}

export interface StoredObject {
  /** The signed record; not checked yet: `Records.open` does. */
  readonly record: Bytes
  /** Empty once its owner removed it. Not checked either: the record's value names its hash. */
  readonly bytes: Bytes
}

export interface Cancellable {
  readonly signal?: AbortSignal
}

/**
 * A host, as one tenant or a mere reader sees it. All calls may run at once; beyond `MAX_OPEN` they wait their turn. Roots are 32 bytes.
 *
 * Every call may reject with: `aborted`; `transient` (`stream.lost`, `stream.ended`, `host.stalled`, `rate.limited`); `denied` (`tenant.required`);
 * what the host answered, kind kept (`absent` means that this host says so; data: `peer`); `invalid` when the host broke the protocol.
 */
export interface ShardClient {
  readonly host: PeerKey
  readonly advert: HostAdvert
  /** Calls that have not ended. */
  readonly open: number
  /** Asks before anything is sent. One verdict per entry, in order; any number of entries. */
  offer(entries: readonly ReceiptShard[], options?: Cancellable): Promise<Verdict[]>
  /** Sends one shard; resolves when the host has it on disk. `bytes` must not change meanwhile. Throws also `quota` `host.full`; `corrupt` `shard.wrong-root`. */
  put(root: Bytes, bytes: Bytes, options?: Cancellable): Promise<void>
  /** Turns shards put before (1 to 256, each once) into a lease. The receipt was accepted by the rules of receipt.md. Throws also `denied` `receipt.forged`. */
  commit(entries: readonly ReceiptShard[], options?: Cancellable): Promise<SignedReceipt>
  /**
   * A whole shard, or the bytes of `range`, verified against the root. Throws also `corrupt` (`shard.wrong-root` when the bytes are wrong, `shard.damaged`
   * when the host says so itself), `absent` `shard.absent`, `invalid` `shard.range`.
   */
  get(root: Bytes, range?: { readonly offset: number; readonly length: number }, options?: Cancellable): Promise<Bytes>
  /** One answer per root, in order; any number of roots. */
  has(roots: readonly Bytes[], options?: Cancellable): Promise<Holding[]>
  /** Gives up these shards of a lease, or the whole lease when `roots` is left out. What is not there is released already. */
  release(lease: Bytes, roots?: readonly Bytes[], options?: Cancellable): Promise<void>
  /** New dates for a lease whose shards are `entries`. Throws also `absent` `lease.absent`; `denied` `receipt.forged`. */
  renew(lease: Bytes, entries: readonly ReceiptShard[], options?: Cancellable): Promise<SignedReceipt>
  /**
   * Keeps `bytes` (at most 64 KiB) under `name` with the record that vouches for them; none for a tombstone, and for a record that stands for itself. Throws also
   * `denied` `record.older`, and `record.ended` when a tombstone is held.
   */
  putObject(name: Bytes, record: Bytes, bytes: Bytes, options?: Cancellable): Promise<void>
  /** Throws also `absent` `object.absent`. */
  getObject(name: Bytes, options?: Cancellable): Promise<StoredObject>
  /** Ends the stream; open calls reject. */
  close(): Promise<void>
  /** Resolves once the stream has ended: with the reason, or `undefined` after `close`. Never rejects. */
  readonly closed: Promise<AppError | undefined>
}
