import { utf8, type Bytes } from '../base/bytes.ts'

/** Bytes that are derived: one block of the RFC's expansion. */
const LENGTH = 32

/** 32 bytes of HKDF-SHA-256 (RFC 5869) for `label`, one of `LABELS`. An absent salt is 32 zero bytes, as in the RFC. */
export function hkdf(ikm: Bytes, label: string, salt: Bytes = new Uint8Array(LENGTH)): Promise<Bytes> {
  return hkdfSha256(ikm, salt, utf8(label))
}

/** The first 32 bytes of output for any `info`. */
export async function hkdfSha256(ikm: Bytes, salt: Bytes, info: Bytes): Promise<Bytes> {
  const base = await crypto.subtle.importKey('raw', ikm, 'HKDF', false, ['deriveBits'])
  const bits = await crypto.subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt, info }, base, 8 * LENGTH)
  return new Uint8Array(bits)
}
