import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import * as digest from 'multiformats/hashes/digest'
import { concat, fromHex, own, utf8, type Bytes } from '../core/base/bytes.ts'
import { LABELS } from '../core/base/labels.ts'
import type { PeerKey } from '../core/ports/network.ts'

/** The keys under which hosts with room announce themselves (protocols/discovery.md). */

/** Providers from which on a bucket counts as full, and hosts move one level down. */
export const BUCKET_FULL = 64
/** 2^12 buckets of 64 hosts are 262,144 hosts. */
export const MAX_LEVEL = 12
/** Code of SHA-256 among multihashes. */
const SHA2_256 = 0x12

/** One of the 2^level buckets of a level: the first `level` bits of the hashes of its hosts' keys, in whole bytes. */
export interface Bucket {
  readonly level: number
  readonly prefix: Bytes
}

/** The bucket of all hosts. */
export const ROOT_BUCKET: Bucket = { level: 0, prefix: new Uint8Array(0) }

/** The bucket of `host` at `level`. */
export async function bucketOf(host: PeerKey, level: number): Promise<Bucket> {
  const hash = await sha256(fromHex(host))
  const prefix = hash.slice(0, Math.ceil(level / 8))
  const spare = prefix.length * 8 - level
  if (prefix.length > 0) prefix[prefix.length - 1]! &= (0xff << spare) & 0xff
  return { level, prefix }
}

/** One half of a bucket; `bit` is the next bit of the hashes. */
export function childOf(bucket: Bucket, bit: 0 | 1): Bucket {
  const prefix = new Uint8Array(Math.ceil((bucket.level + 1) / 8))
  prefix.set(bucket.prefix)
  if (bit === 1) prefix[bucket.level >> 3]! |= 0x80 >> (bucket.level & 7)
  return { level: bucket.level + 1, prefix }
}

/** Where the DHT keeps a bucket: a CID (raw) of SHA-256(label ‖ level ‖ prefix). */
export async function bucketCid({ level, prefix }: Bucket): Promise<CID> {
  return CID.createV1(raw.code, digest.create(SHA2_256, await bucketHash({ level, prefix })))
}

/** SHA-256(`shoal/1 host bucket` ‖ byte level ‖ prefix). */
export function bucketHash({ level, prefix }: Bucket): Promise<Bytes> {
  return sha256(concat([utf8(LABELS.hostBucket), Uint8Array.of(level), prefix]))
}

async function sha256(bytes: Bytes): Promise<Bytes> {
  return own(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)))
}
