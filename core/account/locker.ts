import { AppError } from '../base/errors.ts'
import { concat, utf8, type Bytes } from '../base/bytes.ts'
import { LABELS } from '../base/labels.ts'
import { decode, encode } from '../formats/codec.ts'
import { LOCKER_NONCE, locker, SEALED_LOCKER, type Locker } from '../formats/locker.ts'
import { opener, sealer } from '../seal/aes-gcm.ts'
import { keyFromSeed } from '../seal/ed25519.ts'
import { hkdf } from '../seal/hkdf.ts'
import { normalizeName } from './name.ts'
import { normalizePassword } from './password.ts'

/** What Argon2id is asked to spend. */
export interface StretchCost {
  /** KiB. */
  readonly memory: number
  readonly passes: number
  readonly lanes: number
}

/** Argon2id (RFC 9106, version 0x13) with 32 bytes of output; `stretch.ts` has the real one. */
export type Stretch = (input: { readonly password: Bytes; readonly salt: Bytes; readonly cost: StretchCost }) => Promise<Bytes>

/** The versions of a locker's way from name and password to its keys. Never changed: a new one is added, and old lockers stay readable. */
export const LOCKER_COSTS = {
  1: { memory: 65_536, passes: 3, lanes: 1 },
} as const satisfies Readonly<Record<number, StretchCost>>

export type LockerVersion = keyof typeof LOCKER_COSTS

/** What new lockers are written with. */
export const LOCKER_VERSION: LockerVersion = 1

/** What name and password give; 32 bytes each. */
export interface LockerKeys {
  /** Ed25519 seed and public key of the locker's record; the public key is the record's name. */
  readonly recordSeed: Bytes
  readonly recordName: Bytes
  readonly wrappingKey: Bytes
}

/**
 * The keys of the locker of `name` and `password`, as typed (docs/formats/account.md 3). Throws `invalid` `name.*` and `password.*`
 * before anything is spent, and what `stretch` throws.
 */
export async function lockerKeys(name: string, password: string, stretch: Stretch, version: LockerVersion = LOCKER_VERSION): Promise<LockerKeys> {
  const salt = concat([utf8(LABELS.lockerSalt), Uint8Array.of(version), utf8(normalizeName(name))])
  const stretched = await stretch({ password: utf8(normalizePassword(password)), salt, cost: LOCKER_COSTS[version] })
  const [recordSeed, wrappingKey] = await Promise.all([hkdf(stretched, LABELS.lockerRecordKey), hkdf(stretched, LABELS.lockerWrappingKey)])
  return { recordSeed, recordName: keyFromSeed(recordSeed), wrappingKey }
}

/** The sealed locker for a record (`RecordValue`, kind `locker`). `nonce` is 12 random bytes, new for each writing. */
export async function wrapMaster(value: Locker, keys: LockerKeys, nonce: Bytes): Promise<Bytes> {
  if (nonce.length !== LOCKER_NONCE) throw new AppError('bug', 'format.unencodable', 'a locker takes 12 random bytes')
  const seal = await sealer(keys.wrappingKey, boundTo(keys))
  return concat([nonce, await seal(nonce, encode(locker, value))])
}

/**
 * What a sealed locker holds. Throws `corrupt` `locker.damaged` when it is not one that was sealed with these keys, `invalid`
 * `format.version` when a later Shoal wrote it, else `invalid` `format.*`.
 */
export async function openLocker(sealed: Bytes, keys: LockerKeys): Promise<Locker> {
  const open = await opener(keys.wrappingKey, boundTo(keys))
  const payload = sealed.length === SEALED_LOCKER ? await open(sealed.slice(0, LOCKER_NONCE), sealed.slice(LOCKER_NONCE)) : undefined
  if (payload === undefined) throw new AppError('corrupt', 'locker.damaged', 'the locker does not open')
  return decode(locker, payload)
}

/** A box opens in its own record only. */
function boundTo({ recordName }: LockerKeys): Bytes {
  return concat([recordName, utf8(LABELS.sealedLocker)])
}
