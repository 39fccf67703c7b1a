import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import * as digest from 'multiformats/hashes/digest'
import { concat, fromHex, own, utf8, type Bytes } from '../core/base/bytes.ts'
import { LABELS } from '../core/base/labels.ts'
import type { PeerKey } from '../core/ports/network.ts'

/** The keys under which hosts with room announce themselves (protocols/discovery.md). */

/** Hosts from which on a bucket counts as full, and those whose leaf it is move down. */
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

/** What places `host` in the buckets: SHA-256 of its key. Its first bits are its prefix, its last its rank (host-levels.ts). */
export function hostHash(host: PeerKey): Promise<Bytes> {
  return sha256(fromHex(host))
}

/** The bucket at `level` of the host with this hash. */
export function bucketOf(hash: Uint8Array, level: number): Bucket {
  const prefix = hash.slice(0, Math.ceil(level / 8))
  const spare = prefix.length * 8 - level
  if (prefix.length > 0) prefix[prefix.length - 1]! &= (0xff << spare) & 0xff
  return { level, prefix }
}

/** The bucket number `index` of a level, counting by prefix. */
export function bucketAt(level: number, index: number): Bucket {
  const prefix = new Uint8Array(Math.ceil(level / 8))
  for (let bit = 0; bit < level; bit++) {
    if (Math.floor(index / 2 ** (level - 1 - bit)) % 2 === 1) prefix[bit >> 3]! |= 0x80 >> (bit & 7)
  }
  return { level, prefix }
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
