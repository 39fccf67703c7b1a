import { blake3 } from '@noble/hashes/blake3.js'
import { own } from '../base/bytes.ts'
import type { Blake3 } from '../ports/blake3.ts'

/** BLAKE3 of another implementation than ours, slow and synchronous. */
export function nobleBlake3(): Blake3 {
  return {
    hash: (bytes) => own(blake3(bytes)),
    keyed: (key, bytes) => own(blake3(bytes, { key })),
  }
}
