import type { Bytes } from '../base/bytes.ts'

/** BLAKE3 (https://github.com/BLAKE3-team/BLAKE3-specs) with 32 bytes of output. Loaded once per realm and passed in. */
export interface Blake3 {
  hash(bytes: Uint8Array): Bytes
  /** Keyed mode; `key` is 32 bytes. */
  keyed(key: Uint8Array, bytes: Uint8Array): Bytes
}
