import { ed25519 } from '@noble/curves/ed25519.js'
import { own, type Bytes } from '../base/bytes.ts'

// Ed25519 (RFC 8032) by @noble/curves: synchronous, audited, not constant-time where JavaScript engines are not.

/** The public key (32 bytes) of a 32-byte seed, which is the RFC's private key. */
export function keyFromSeed(seed: Uint8Array): Bytes {
  return own(ed25519.getPublicKey(seed))
}

/** 64 bytes of signature. */
export function sign(seed: Uint8Array, message: Uint8Array): Bytes {
  return own(ed25519.sign(message, seed))
}

/** Whether `signature` is the owner's over `message`, by the strict rules of RFC 8032 (no ZIP 215). Never throws: garbage is `false`. */
export function verify(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    return ed25519.verify(signature, message, key, { zip215: false })
  } catch {
    return false
  }
}
