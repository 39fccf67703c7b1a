import type { Bytes } from '../base/bytes.ts'

/** Wraps secrets by a key of this device that no code can read out, so that a copy of what lies on disk opens nothing elsewhere. */
export interface KeyWrap {
  /** `secret` wrapped, at most 128 bytes; `about` (public) has to be given again to unwrap it. */
  wrap(secret: Bytes, about: Uint8Array): Promise<Bytes>
  /** The reverse. Throws `corrupt` `secret.damaged` when it was changed, is about something else, or was wrapped by another key. */
  unwrap(wrapped: Bytes, about: Uint8Array): Promise<Bytes>
}
