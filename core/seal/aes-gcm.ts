import type { Bytes } from '../base/bytes.ts'

// AES-256-GCM (NIST SP 800-38D) by WebCrypto. Keys have 32 bytes, IVs 12; no additional data; the 16-byte tag comes last.

/** Seals under `key`: the function takes an IV, which must be new for this key, and the plaintext. */
export async function sealer(key: Bytes): Promise<(iv: Bytes, plaintext: Bytes) => Promise<Bytes>> {
  const aes = await crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt'])
  return async (iv, plaintext) => new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, aes, plaintext))
}

/** Opens what was sealed under `key`: the plaintext, or `undefined` when key, IV, ciphertext and tag do not belong together. */
export async function opener(key: Bytes): Promise<(iv: Bytes, box: Bytes) => Promise<Bytes | undefined>> {
  const aes = await crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['decrypt'])
  return async (iv, box) => {
    try {
      return new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv }, aes, box))
    } catch {
      return undefined
    }
  }
}
