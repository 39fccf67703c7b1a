import { concat, own } from '../base/bytes.ts'
import { AppError } from '../base/errors.ts'
import type { KeyWrap } from '../ports/key-wrap.ts'
import type { Random } from '../ports/clock.ts'

const NONCE = 12

/** Wraps by `key`, an AES-256-GCM key that need not be extractable (docs/formats/list.md, `secret/<fp>`). */
export function aesKeyWrap(key: CryptoKey, random: Random): KeyWrap {
  return {
    async wrap(secret, about) {
      const iv = random.bytes(NONCE)
      return concat([iv, new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: own(about) }, key, secret))])
    },
    async unwrap(wrapped, about) {
      try {
        const iv = wrapped.slice(0, NONCE)
        return new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv, additionalData: own(about) }, key, wrapped.slice(NONCE)))
      } catch (cause) {
        throw new AppError('corrupt', 'secret.damaged', 'a secret of this device does not open', { cause })
      }
    },
  }
}
