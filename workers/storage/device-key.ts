import { beginWrite, storageError, type ShoalDatabase } from './database.ts'

const NAME = 'wrap'

/**
 * The key of this browser that wraps what must not lie open on its disk: AES-256-GCM, and no code can read it out. Made at the first call, durably. Throws
 * `quota` or `transient` (`meta.failed`).
 */
export async function deviceKey(database: ShoalDatabase): Promise<CryptoKey> {
  try {
    const known = await database.get('keys', NAME)
    if (known !== undefined) return known
    const made = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt'])
    const transaction = beginWrite(database, 'strict')
    const keys = transaction.objectStore('keys')
    // Another tab may have been first: nothing may be wrapped by a key that is replaced.
    const first = await keys.get(NAME)
    if (first === undefined) await keys.put(made, NAME)
    await transaction.done
    return first ?? made
  } catch (error) {
    throw storageError(error)
  }
}
