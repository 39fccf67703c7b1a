import { concat, utf8, type Bytes } from '../base/bytes.ts'
import { decode, encode, malformed, type Codec } from './codec.ts'

/** Ed25519 (RFC 8032) of 64 bytes over `message`. */
export type Sign = (message: Bytes) => Promise<Bytes>

/** Whether `signature` is that of the key's owner over `message`. Never throws, whatever it is given. */
export type Verify = (key: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean

export const SIGNATURE = 64

/** `body` encoded, and behind it a signature over the label and the encoding. */
export async function signBody<T>(codec: Codec<T>, label: string, body: T, sign: Sign): Promise<Bytes> {
  const encoded = encode(codec, body)
  return concat([encoded, await sign(concat([utf8(label), encoded]))])
}

/** What `signBody` made, taken apart and not yet verified. Throws `invalid` `format.*`. */
export function splitSigned<T>(codec: Codec<T>, label: string, bytes: Uint8Array): { body: T; message: Bytes; signature: Bytes } {
  if (bytes.length <= SIGNATURE) throw malformed('format.short', 'too short for a signature')
  const encoded = bytes.subarray(0, bytes.length - SIGNATURE)
  return {
    body: decode(codec, encoded),
    message: concat([utf8(label), encoded]),
    signature: new Uint8Array(bytes.subarray(bytes.length - SIGNATURE)),
  }
}
