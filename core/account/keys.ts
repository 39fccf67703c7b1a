import { AppError } from '../base/errors.ts'
import { LABELS } from '../base/labels.ts'
import type { Bytes } from '../base/bytes.ts'
import type { Blake3 } from '../ports/blake3.ts'
import type { CoderKeys } from '../ports/coder.ts'
import { keyFromSeed } from '../seal/ed25519.ts'
import { hkdf } from '../seal/hkdf.ts'

/** Bytes of the device secret and of every key derived from it. */
export const SECRET = 32

/** What a device secret gives (docs/formats/keys.md); 32 bytes each. */
export interface DeviceKeys extends CoderKeys {
  readonly tenantSecret: Bytes
}

/** What a link seed gives; 32 bytes each. */
export interface LinkKeys {
  /** Ed25519 seed and public key of the link's record; the public key is the record's name. */
  readonly recordSeed: Bytes
  readonly recordName: Bytes
  /** Object key of the share object. */
  readonly readKey: Bytes
}

/** Throws `invalid` `secret.length` unless the secret has 32 bytes. */
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

/** Ed25519 seed of the tenant at one host (its Ed25519 key, 32 bytes): two hosts cannot tell that they serve the same person. */
export async function tenantSeed(tenantSecret: Bytes, hostKey: Bytes): Promise<Bytes> {
  checkLength(hostKey)
  return hkdf(tenantSecret, LABELS.tenantKey, hostKey)
}

/** The keys of a link. Throws `invalid` `secret.length` unless the seed has 32 bytes. */
export async function linkKeys(seed: Bytes): Promise<LinkKeys> {
  checkLength(seed)
  const [recordSeed, readKey] = await Promise.all([hkdf(seed, LABELS.linkRecordKey), hkdf(seed, LABELS.linkReadKey)])
  return { recordSeed, recordName: keyFromSeed(recordSeed), readKey }
}

/** The 8 bytes under which a device secret is filed: the start of its BLAKE3 hash. */
export function secretFingerprint(secret: Bytes, blake3: Blake3): Bytes {
  checkLength(secret)
  return blake3.hash(secret).slice(0, 8)
}

function checkLength(bytes: Uint8Array): void {
  if (bytes.length !== SECRET) throw new AppError('invalid', 'secret.length', 'a secret has 32 bytes', { data: { length: bytes.length } })
}
