import { AppError } from './errors.ts'

/** Bytes of our own making, never over a SharedArrayBuffer: what WebCrypto and `postMessage` take. */
export type Bytes = Uint8Array<ArrayBuffer>

const encoder = new TextEncoder()
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** UTF-8 bytes of `text`. */
export function utf8(text: string): Bytes {
  return encoder.encode(text)
}

/** Text of `bytes`. Throws `invalid` `text.malformed` on anything but well-formed UTF-8. */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return strictDecoder.decode(bytes)
  } catch (cause) {
    throw new AppError('invalid', 'text.malformed', 'not well-formed UTF-8', { cause })
  }
}

/** One array that holds `parts` in order. */
export function concat(parts: readonly Uint8Array[]): Bytes {
  let length = 0
  for (const part of parts) length += part.length
  const joined = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

/** Whether `a` and `b` hold the same bytes. Not constant-time: for public values only. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** `bytes` over an ArrayBuffer of their own, copied only when they are a view of something else. */
export function own(bytes: Uint8Array): Bytes {
  const whole = bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength
  return whole && bytes.buffer instanceof ArrayBuffer ? (bytes as Bytes) : new Uint8Array(bytes)
}

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0')
  return text
}

/** The reverse of `toHex`. Throws `invalid` `hex.malformed` on odd length, upper case or other characters. */
export function fromHex(text: string): Bytes {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) {
    throw new AppError('invalid', 'hex.malformed', 'not lower-case hexadecimal')
  }
  const bytes = new Uint8Array(text.length / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16)
  return bytes
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Base64url without padding (RFC 4648 section 5). */
export function toBase64Url(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i
    const word = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    for (let digit = 0; digit < Math.min(left + 1, 4); digit++) text += ALPHABET.charAt((word >> (18 - 6 * digit)) & 63)
  }
  return text
}

/** The reverse of `toBase64Url`. Throws `invalid` `base64.malformed` on padding, other characters or spare bits that are not 0. */
export function fromBase64Url(text: string): Bytes {
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4))
  for (let i = 0, at = 0; i < text.length; i += 4) {
    let word = 0
    for (let digit = 0; digit < 4; digit++) {
      const character = text.charAt(i + digit)
      word = (word << 6) | (character === '' ? 0 : ALPHABET.indexOf(character))
      if (character !== '' && !ALPHABET.includes(character)) throw malformedBase64()
    }
    for (let shift = 16; shift >= 0 && at < bytes.length; shift -= 8) bytes[at++] = (word >> shift) & 255
  }
  if (toBase64Url(bytes) !== text) throw malformedBase64()
  return bytes
}

function malformedBase64(): AppError {
  return new AppError('invalid', 'base64.malformed', 'not canonical base64url')
}
