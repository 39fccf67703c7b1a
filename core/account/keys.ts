import { AppError } from '../base/errors.ts'
import { LABELS } from '../base/labels.ts'
import type { Bytes } from '../base/bytes.ts'
import type { Blake3 } from '../ports/blake3.ts'
import type { CoderKeys } from '../ports/coder.ts'
import { keyFromSeed } from '../seal/ed25519.ts'
import { hkdf } from '../seal/hkdf.ts'

/** Bytes of a master (a device secret is one, docs/formats/keys.md) and of every key derived from it. */
export const SECRET = 32

/** What every master gives, that of an account or of a device without one; 32 bytes each. */
export interface DeviceKeys extends CoderKeys {
  readonly tenantSecret: Bytes
}

/** What the master of an account gives besides; 32 bytes each. */
export interface AccountKeys {
  /** Ed25519 seed and public key that certify the account's devices. */
  readonly signingSeed: Bytes
  readonly signingKey: Bytes
  /** Object key of the drive. */
  readonly drive: Bytes
  /** Where the devices of the account find each other. */
  readonly rendezvous: Bytes
}

/** Keys of a record and of the sealed object that it names; 32 bytes each. */
export interface RecordKeys {
  /** Ed25519 seed and public key of the record; the public key is the record's name. */
  readonly recordSeed: Bytes
  readonly recordName: Bytes
  /** Object key of the sealed object. */
  readonly readKey: Bytes
}

/** What a link seed gives: keys of the share object and its record. */
export type LinkKeys = RecordKeys

/** What a device index gives: keys of the device's head object and its record. */
export type HeadKeys = RecordKeys

/** The highest device index: more devices than a person has in a life, and few enough to count. */
export const LAST_DEVICE = 65_535

/** The keys that files are stored with. Throws `invalid` `secret.length` unless the secret, a master, has 32 bytes. */
export async function deriveKeys(secret: Bytes): Promise<DeviceKeys> {
  checkLength(secret)
  const [seal, dedup, cut, tenantSecret] = await Promise.all([
    hkdf(secret, LABELS.sealKey),
    hkdf(secret, LABELS.dedupKey),
    hkdf(secret, LABELS.cutKey),
    hkdf(secret, LABELS.tenantSecret),
  ])
  return { seal, dedup, cut, tenantSecret }
}

/** The keys of an account. Throws `invalid` `secret.length` unless the master has 32 bytes. */
export async function accountKeys(master: Bytes): Promise<AccountKeys> {
  checkLength(master)
  const [signingSeed, drive, rendezvous] = await Promise.all([
    hkdf(master, LABELS.accountKey),
    hkdf(master, LABELS.driveKey),
    hkdf(master, LABELS.rendezvousKey),
  ])
  return { signingSeed, signingKey: keyFromSeed(signingSeed), drive, rendezvous }
}

/** The keys of the head of device `index`, 0 to `LAST_DEVICE`. Throws `invalid` `secret.length`, `invalid` `device.index`. */
export async function headKeys(master: Bytes, index: number): Promise<HeadKeys> {
  checkLength(master)
  if (!Number.isInteger(index) || index < 0 || index > LAST_DEVICE) {
    throw new AppError('invalid', 'device.index', 'no such device index', { data: { index } })
  }
  const salt = new Uint8Array(4)
  new DataView(salt.buffer).setUint32(0, index)
  return recordKeys(hkdf(master, LABELS.headRecordKey, salt), hkdf(master, LABELS.headReadKey, salt))
}

/** Ed25519 seed of the tenant at one host (its Ed25519 key, 32 bytes): two hosts cannot tell that they serve the same person. */
export async function tenantSeed(tenantSecret: Bytes, hostKey: Bytes): Promise<Bytes> {
  checkLength(hostKey)
  return hkdf(tenantSecret, LABELS.tenantKey, hostKey)
}

/** The keys of a link. Throws `invalid` `secret.length` unless the seed has 32 bytes. */
export async function linkKeys(seed: Bytes): Promise<LinkKeys> {
  checkLength(seed)
  return recordKeys(hkdf(seed, LABELS.linkRecordKey), hkdf(seed, LABELS.linkReadKey))
}

/** The 8 bytes under which a device secret is filed: the start of its BLAKE3 hash. */
export function secretFingerprint(secret: Bytes, blake3: Blake3): Bytes {
  checkLength(secret)
  return blake3.hash(secret).slice(0, 8)
}

async function recordKeys(seed: Promise<Bytes>, read: Promise<Bytes>): Promise<RecordKeys> {
  const [recordSeed, readKey] = await Promise.all([seed, read])
  return { recordSeed, recordName: keyFromSeed(recordSeed), readKey }
}

function checkLength(bytes: Uint8Array): void {
  if (bytes.length !== SECRET) throw new AppError('invalid', 'secret.length', 'a secret has 32 bytes', { data: { length: bytes.length } })
}
