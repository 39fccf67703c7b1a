import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { createIPNSRecordWithExpiration, marshalIPNSRecord, multihashToIPNSRoutingKey, unmarshalIPNSRecord, type IPNSRecord } from 'ipns'
import { ipnsValidator } from 'ipns/validator'
import { own, type Bytes } from '../core/base/bytes.ts'
import { AppError } from '../core/base/errors.ts'
import type { RecordView } from '../core/ports/network.ts'
import { privateKeyFromSeed } from './identity.ts'

/** Bytes of a record: what the `ipns` package accepts, and what every node of ours stores at most (discovery.md). */
export const MAX_RECORD = 10 * 1024
/** Characters of a record's value (design.md 5). */
const MAX_VALUE = 4096
/** How long a resolver outside Shoal may cache it. Ours never do. */
const TTL_NS = 0n

/** Key of the DHT for the record of an Ed25519 public key: `/ipns/` ‖ identity multihash. Throws `invalid` `record.malformed`. */
export function routingKey(name: Uint8Array): Uint8Array {
  try {
    return multihashToIPNSRoutingKey(publicKeyFromRaw(name).toMultihash())
  } catch (cause) {
    throw malformed(cause)
  }
}

/** Signs `view` as IPNS V2 only: the older form would carry the value twice. */
export async function signRecord(seed: Uint8Array, view: RecordView): Promise<Bytes> {
  if (!view.value.startsWith('/') || view.value.length > MAX_VALUE) throw malformed(undefined)
  const expires = new Date(view.expires).toISOString().replace('Z', '000000Z')
  const key = await privateKeyFromSeed(seed)
  const record = await createIPNSRecordWithExpiration(key, view.value, view.sequence, expires, { v1Compatible: false, ttlNs: TTL_NS })
  return own(marshalIPNSRecord(record))
}

/** What a record says, unchecked but for its form. Throws `invalid` `record.malformed`. */
export function parseRecord(record: Uint8Array): RecordView {
  if (record.length > MAX_RECORD) throw malformed(undefined)
  const { value, sequence, validity } = unmarshal(record)
  const expires = Date.parse(validity)
  if (!value.startsWith('/') || value.length > MAX_VALUE || !Number.isFinite(expires)) throw malformed(undefined)
  return { value, sequence, expires }
}

function unmarshal(record: Uint8Array): IPNSRecord {
  try {
    return unmarshalIPNSRecord(record)
  } catch (cause) {
    throw malformed(cause)
  }
}

/** Validator of `/ipns/` keys in the DHT. Throws `corrupt` `record.forged`, `absent` `record.expired` or `invalid` `record.malformed`. */
export async function validateRecord(key: Uint8Array, record: Uint8Array): Promise<void> {
  parseRecord(record)
  try {
    await ipnsValidator(key, record)
  } catch (cause) {
    const name = cause instanceof Error ? cause.name : ''
    if (name === 'RecordExpiredError') throw new AppError('absent', 'record.expired', 'past its end of life', { cause })
    if (name === 'SignatureVerificationError' || name === 'InvalidEmbeddedPublicKeyError') {
      throw new AppError('corrupt', 'record.forged', 'not signed by the key that names it', { cause })
    }
    throw malformed(cause)
  }
}

function malformed(cause: unknown): AppError {
  return new AppError('invalid', 'record.malformed', 'not a record', { cause })
}
