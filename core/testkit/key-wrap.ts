import type { KeyWrap } from '../ports/key-wrap.ts'
import type { Random } from '../ports/clock.ts'
import { aesKeyWrap } from '../seal/key-wrap.ts'

/** As a new device makes one. */
export async function freshKeyWrap(random: Random): Promise<KeyWrap> {
  return aesKeyWrap(await crypto.subtle.importKey('raw', random.bytes(32), 'AES-GCM', false, ['encrypt', 'decrypt']), random)
}
