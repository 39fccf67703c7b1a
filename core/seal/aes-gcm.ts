import type { Bytes } from '../base/bytes.ts'

// AES-256-GCM (NIST SP 800-38D) by WebCrypto. Keys have 32 bytes, IVs 12; no additional data unless it is given; the 16-byte tag comes last.

const NONE: Bytes = new Uint8Array()

/** Seals under `key`: the function takes an IV, which must be new for this key, and the plaintext. `additional` is bound to it and not sealed. */
export async function sealer(key: Bytes, additional: Bytes = NONE): Promise<(iv: Bytes, plaintext: Bytes) => Promise<Bytes>> {
  const aes = await crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt'])
  return async (iv, plaintext) => new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: additional }, aes, plaintext))
}

/** Opens what was sealed under `key`: the plaintext, or `undefined` when key, IV, `additional`, ciphertext and tag do not belong together. */
export async function opener(key: Bytes, additional: Bytes = NONE): Promise<(iv: Bytes, box: Bytes) => Promise<Bytes | undefined>> {
  const aes = await crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['decrypt'])
  return async (iv, box) => {
    try {
      return new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv, additionalData: additional }, aes, box))
    } catch {
      return undefined
    }
  }
}
