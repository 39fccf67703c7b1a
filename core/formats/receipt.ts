import { AppError } from '../base/errors.ts'
import { equal, type Bytes } from '../base/bytes.ts'
import { LABELS } from '../base/labels.ts'
import { fixed, list, refined, struct, uint, versioned, type Codec } from './codec.ts'
import { SHARD_BYTES } from './entry.ts'
import { signBody, splitSigned, type Sign, type Verify } from './signed.ts'

/** A shard by name and size in bytes. */
export interface ReceiptShard {
  readonly root: Bytes
  readonly size: number
}

/** A host's promise to keep a batch of shards until a date (docs/formats/receipt.md). */
export interface Receipt {
  /** Ed25519 keys, 32 bytes: the host's, and the tenant's at that host. */
  readonly host: Bytes
  readonly tenant: Bytes
  /** 16 random bytes, chosen by the host. */
  readonly lease: Bytes
  /** Seconds since 1970. */
  readonly issued: number
  readonly expires: number
  /** In ascending order of root, each once (`orderShards`). */
  readonly shards: readonly ReceiptShard[]
}

/** What a tenant knows before it accepts a receipt; `now` in seconds since 1970 by its own clock. */
export interface ReceiptTerms {
  readonly host: Uint8Array
  readonly tenant: Uint8Array
  /** What it asked for, in any order. */
  readonly shards: readonly ReceiptShard[]
  readonly now: number
}

const DAY = 24 * 60 * 60

/** How long a host promises to keep what it takes, in seconds. */
export const LEASE_SECONDS = 180 * DAY
/** Shards of one receipt: one signature per batch, and a release list that stays small. */
export const RECEIPT_SHARDS = 256
/** Bytes of a receipt at most: head, numbers at their longest, shards, signature. */
export const RECEIPT_BYTES = 1 + 32 + 32 + 16 + 8 + 8 + 2 + RECEIPT_SHARDS * (32 + 4) + 64

/** Clocks are hours off in practice, seldom days. */
const CLOCK_SKEW = 2 * DAY
/** A shorter promise is not worth an upload; a longer one is not meant seriously. */
const SHORTEST = 30 * DAY
const LONGEST = 366 * DAY

const shard: Codec<ReceiptShard> = struct({
  root: fixed(32),
  size: refined(uint(SHARD_BYTES), (size) => (size < 1 ? 'an empty shard' : undefined)),
})

const body: Codec<Receipt> = versioned(
  1,
  struct<Receipt>({
    host: fixed(32),
    tenant: fixed(32),
    lease: fixed(16),
    issued: uint(),
    expires: uint(),
    shards: refined(list(shard, RECEIPT_SHARDS, 1), (shards) => (ascending(shards) ? undefined : 'shards out of order')),
  }),
)

/** Shards in the order in which a receipt names them. */
export function orderShards(shards: readonly ReceiptShard[]): ReceiptShard[] {
  return [...shards].sort((a, b) => compare(a.root, b.root))
}

function ascending(shards: readonly ReceiptShard[]): boolean {
  return shards.every((one, i) => {
    const before = shards[i - 1]
    return before === undefined || compare(before.root, one.root) < 0
  })
}

function compare(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** A receipt signed with the host's key. */
export function signReceipt(receipt: Receipt, sign: Sign): Promise<Bytes> {
  return signBody(body, LABELS.receipt, receipt, sign)
}

/** What a receipt says, without looking at its signature. Throws `invalid` `format.*`. */
export function decodeReceipt(bytes: Uint8Array): Receipt {
  return splitSigned(body, LABELS.receipt, bytes).body
}

/** What a receipt says, signed by the host that it names. Throws `invalid` `format.*`; `denied` `receipt.forged`. */
export function openReceipt(bytes: Uint8Array, verify: Verify): Receipt {
  const { body: receipt, message, signature } = splitSigned(body, LABELS.receipt, bytes)
  if (!verify(receipt.host, message, signature)) throw forged('signature')
  return receipt
}

/**
 * A receipt that answers `terms`. Throws `invalid` `format.*`; `denied` `receipt.forged` (data: `reason`) when it was not signed by the
 * connected host, or names another tenant, other shards, or dates that no honest host would name.
 */
export function acceptReceipt(bytes: Uint8Array, terms: ReceiptTerms, verify: Verify): Receipt {
  const receipt = openReceipt(bytes, verify)
  if (!equal(receipt.host, terms.host)) throw forged('host')
  if (!equal(receipt.tenant, terms.tenant)) throw forged('tenant')
  const asked = orderShards(terms.shards)
  const same = (one: ReceiptShard, i: number): boolean => {
    const wanted = asked[i]
    return wanted?.size === one.size && equal(wanted.root, one.root)
  }
  if (receipt.shards.length !== asked.length || !receipt.shards.every(same)) throw forged('shards')
  if (Math.abs(receipt.issued - terms.now) > CLOCK_SKEW) throw forged('issued')
  const term = receipt.expires - receipt.issued
  if (term < SHORTEST || term > LONGEST) throw forged('term')
  return receipt
}

function forged(reason: string): AppError {
  return new AppError('denied', 'receipt.forged', `a receipt that cannot be accepted: ${reason}`, { data: { reason } })
}
