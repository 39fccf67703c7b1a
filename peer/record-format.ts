import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { createIPNSRecordWithExpiration, marshalIPNSRecord, multihashToIPNSRoutingKey, unmarshalIPNSRecord, type IPNSRecord } from 'ipns'
import { ipnsValidator } from 'ipns/validator'
import { equal, own, type Bytes } from '../core/base/bytes.ts'
import { AppError } from '../core/base/errors.ts'
import { isNewer, ranked, type Ranked } from '../core/formats/record-order.ts'
import type { RecordView } from '../core/ports/network.ts'
import { privateKeyFromSeed } from './identity.ts'

/** Bytes of a record: what the `ipns` package accepts, and what every node of ours stores at most (discovery.md). */
export const MAX_RECORD = 10 * 1024
/** Characters of a record's value (design.md 5). */
const MAX_VALUE = 4096
/** Sequences are 64 bits wide wherever they are kept. */
const MAX_SEQUENCE = 2n ** 64n - 1n
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
  const form = unmarshal(record)
  // Whoever passes a record on could otherwise write the same in other bytes, and each node would hold another one.
  if ('signatureV1' in form || form.pubKey !== undefined || !equal(marshalIPNSRecord(form), record)) throw malformed(undefined)
  const { value, sequence, validity } = form
  const expires = Date.parse(validity)
  const sound = value.startsWith('/') && value.length <= MAX_VALUE && Number.isFinite(expires) && sequence >= 0n && sequence <= MAX_SEQUENCE
  if (!sound) throw malformed(undefined)
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

/** Selector of `/ipns/` keys in the DHT: the index of the record that counts (core/formats/record-order.ts). What cannot be read counts least. */
export function selectRecord(_key: Uint8Array, records: readonly Uint8Array[]): number {
  let best: { readonly at: number; readonly rank: Ranked } | undefined
  for (const [at, record] of records.entries()) {
    const rank = rankOf(record)
    if (rank !== undefined && isNewer(rank, best?.rank)) best = { at, rank }
  }
  return best?.at ?? 0
}

function rankOf(record: Uint8Array): Ranked | undefined {
  try {
    return ranked(parseRecord(record), record)
  } catch {
    return undefined
  }
}

function malformed(cause: unknown): AppError {
  return new AppError('invalid', 'record.malformed', 'not a record', { cause })
}
