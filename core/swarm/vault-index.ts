import { AppError } from '../base/errors.ts'
import { fromHex, toHex, type Bytes } from '../base/bytes.ts'
import { bytes, decode, encode, fixed, list, optional, refined, struct, uint, versioned, type Codec } from '../formats/codec.ts'
import { orderShards, RECEIPT_SHARDS, type ReceiptShard } from '../formats/receipt.ts'
import type { MetaStore } from '../ports/meta-store.ts'
import type { ShardRoot } from '../ports/shard-store.ts'
import { MAX_OBJECT, MAX_RECORD, MAX_SHARD, SHARD_LEASES } from './limits.ts'

// Keys and values of the host's index (docs/formats/vault.md). Names of keys are lower-case hexadecimal.

/** A tenant key in hexadecimal. */
export type TenantName = string

/** Why one shard is kept for one tenant. */
export interface Hold {
  readonly size: number
  /** When its stage ends, seconds since 1970; none when it is not staged. */
  readonly staged?: number | undefined
  /** Lease ids, 16 bytes each. */
  readonly leases: readonly Bytes[]
}

export interface Lease {
  readonly tenant: Bytes
  /** Seconds since 1970. */
  readonly issued: number
  readonly expires: number
  /** In ascending order of root. */
  readonly shards: readonly ReceiptShard[]
}

export interface HeldObject {
  readonly tenant: Bytes
  readonly record: Bytes
  /** Freshness of the record, 8 bytes big-endian. */
  readonly sequence: Bytes
  /** End of life of the record, seconds since 1970. */
  readonly expires: number
  /** Bytes of the object; 0 for a record without one. */
  readonly size: number
  /** The record stands for itself and never had an object. Any other without bytes is a tombstone. */
  readonly alone: boolean
}

/** Version of the entry of a record that stands for itself. */
const ALONE = 2

const shard: Codec<ReceiptShard> = struct({ root: fixed(32), size: uint(MAX_SHARD) })
const version = <T>(codec: Codec<T>): Codec<T> => versioned(1, codec)

const holdCodec: Codec<Hold> = version(
  refined(struct<Hold>({ size: uint(MAX_SHARD), staged: optional(uint()), leases: list(fixed(16), SHARD_LEASES) }), (hold) =>
    hold.staged === undefined && hold.leases.length === 0 ? 'a hold for nothing' : undefined,
  ),
)
const leaseCodec: Codec<Lease> = version(
  struct<Lease>({ tenant: fixed(32), issued: uint(), expires: uint(), shards: list(shard, RECEIPT_SHARDS, 1) }),
)
const recordFields = { tenant: fixed(32), record: bytes(MAX_RECORD), sequence: fixed(8), expires: uint() }
const objectCodec = version(struct<Omit<HeldObject, 'alone'>>({ ...recordFields, size: uint(MAX_OBJECT) }))
const aloneCodec = versioned(ALONE, struct<Omit<HeldObject, 'alone' | 'size'>>(recordFields))

export const HOLDS = 'hold/'
export const STAGES = 'stage/'
export const LEASES = 'lease/'
export const OBJECTS = 'object/'

export const holdsOf = (root: ShardRoot): string => `${HOLDS}${root}/`
export const holdKey = (root: ShardRoot, tenant: TenantName): string => `${HOLDS}${root}/${tenant}`
export const leaseKey = (lease: Uint8Array): string => `${LEASES}${toHex(lease)}`
export const objectKey = (name: Uint8Array): string => `${OBJECTS}${toHex(name)}`
export const bodyKey = (name: Uint8Array): string => `body/${toHex(name)}`

/** Stages in the order in which they end, so that a sweep stops at the first that has not. */
export function stageKey(ends: number, root: ShardRoot, tenant: TenantName): string {
  return `${STAGES}${ends.toString(16).padStart(10, '0')}/${root}/${tenant}`
}

/** Root and tenant of a hold's key. */
export function parseHoldKey(key: string): { root: ShardRoot; tenant: TenantName } {
  const [root = '', tenant = ''] = key.slice(HOLDS.length).split('/')
  return { root, tenant }
}

export function parseStageKey(key: string): { ends: number; root: ShardRoot; tenant: TenantName } {
  const [ends = '', root = '', tenant = ''] = key.slice(STAGES.length).split('/')
  return { ends: Number.parseInt(ends, 16), root, tenant }
}

export function parseLeaseKey(key: string): Bytes {
  return fromHex(key.slice(LEASES.length))
}

export function parseObjectKey(key: string): Bytes {
  return fromHex(key.slice(OBJECTS.length))
}

export const encodeHold = (hold: Hold): Bytes => encode(holdCodec, hold)
export const decodeHold = (value: Uint8Array): Hold => read(holdCodec, value)
export const encodeLease = (lease: Lease): Bytes => encode(leaseCodec, { ...lease, shards: orderShards(lease.shards) })
export const decodeLease = (value: Uint8Array): Lease => read(leaseCodec, value)

export function encodeObject({ alone, size, ...held }: HeldObject): Bytes {
  return alone ? encode(aloneCodec, held) : encode(objectCodec, { ...held, size })
}

export function decodeObject(value: Uint8Array): HeldObject {
  if (value[0] === ALONE) return { ...read(aloneCodec, value), size: 0, alone: true }
  return { ...read(objectCodec, value), alone: false }
}

/** A value of our own index that cannot be read is our damage, not the fault of who asked. */
function read<T>(codec: Codec<T>, value: Uint8Array): T {
  try {
    return decode(codec, value)
  } catch (cause) {
    throw new AppError('corrupt', 'vault.damaged', 'an entry of the index is damaged', { cause })
  }
}

/** The hold of `tenant` on a shard, or `undefined` when there is none. */
export async function readHold(meta: Pick<MetaStore, 'get'>, root: ShardRoot, tenant: TenantName): Promise<Hold | undefined> {
  const value = await meta.get(holdKey(root, tenant))
  return value === undefined ? undefined : decodeHold(value)
}
