import { fromHex, toHex, type Bytes } from '../../base/bytes.ts'
import { isAppError, type AppError } from '../../base/errors.ts'
import { deriveKeys, SECRET, secretFingerprint, type DeviceKeys } from '../../account/keys.ts'
import { keptSecret, ownSecret } from '../../formats/list.ts'
import { listKey } from '../../formats/list-key.ts'
import type { Blake3 } from '../../ports/blake3.ts'
import type { Random } from '../../ports/clock.ts'
import type { KeyWrap } from '../../ports/key-wrap.ts'
import type { MetaChange } from '../../ports/meta-store.ts'
import { put, type Journal } from '../journal.ts'

const WRAPPED = 2

export interface SecretsDeps {
  readonly journal: Journal
  readonly random: Random
  readonly blake3: Blake3
  readonly keyWrap: KeyWrap
  /** Told of secrets that do not open. */
  readonly report?: (error: AppError) => void
}

interface Known {
  readonly secret: Bytes
  readonly keys: DeviceKeys
}

/** The secrets that the keys of files derive from, by fingerprint: one that new files use, and others that came with restored lists or were used before. */
export class Secrets {
  private readonly known = new Map<string, Known>()
  private mine = ''
  private readonly deps: SecretsDeps

  constructor(deps: SecretsDeps) {
    this.deps = deps
  }

  /**
   * Reads what is new, wraps what is not wrapped; makes a secret at the first run, and where the own one does not open: files hold the keys that read them, so these
   * are had all the same. Errors as `MetaStore`; `invalid` `format.*`.
   */
  async load(): Promise<void> {
    const { journal } = this.deps
    const bare: Bytes[] = []
    for await (const [key, { version, value }] of journal.entries('secret/', keptSecret)) {
      const name = key.slice('secret/'.length)
      if (this.known.has(name)) continue
      const secret = version === WRAPPED ? await this.unwrapped(value, name) : value
      // One under another name came with a backup that somebody made up.
      if (secret === undefined || toHex(secretFingerprint(secret, this.deps.blake3)) !== name) continue
      await this.learn(secret)
      if (version !== WRAPPED) bare.push(secret)
    }
    if (bare.length > 0) await journal.write(await Promise.all(bare.map((secret) => this.wrapped(secret))), { strict: true })
    const own = await journal.read(listKey.ownSecret, ownSecret)
    if (own !== undefined && this.known.has(toHex(own))) this.mine = toHex(own)
    else await this.use(this.deps.random.bytes(SECRET))
  }

  /** Fingerprint of the secret that new files use. */
  get own(): Bytes {
    return fromHex(this.mine)
  }

  /** Keys of the secret that new files use; none before `load`. */
  ownKeys(): DeviceKeys | undefined {
    return this.known.get(this.mine)?.keys
  }

  isOwn(fingerprint: Bytes): boolean {
    return toHex(fingerprint) === this.mine
  }

  /** The keys that a secret gives, or `undefined` when it is not on this device. */
  keysOf(fingerprint: Bytes): DeviceKeys | undefined {
    return this.known.get(toHex(fingerprint))?.keys
  }

  /** The secret itself, or `undefined` when it is not on this device. */
  secretOf(fingerprint: Bytes): Bytes | undefined {
    return this.known.get(toHex(fingerprint))?.secret
  }

  /**
   * New files use `secret` (32 bytes) from now on; those of before keep theirs. Resolves when that is durable. Not beside a storage at work, whose
   * hosts know it as the tenant of the secret before.
   */
  async use(secret: Bytes): Promise<void> {
    const fingerprint = await this.learn(secret)
    await this.deps.journal.write([await this.wrapped(secret), put(listKey.ownSecret, ownSecret, fingerprint)], { strict: true })
    this.mine = toHex(fingerprint)
  }

  /** `undefined` for one that does not open; it stays where it is. */
  private async unwrapped(value: Bytes, name: string): Promise<Bytes | undefined> {
    try {
      return await this.deps.keyWrap.unwrap(value, fromHex(name))
    } catch (error) {
      if (!isAppError(error, 'corrupt')) throw error
      this.deps.report?.(error)
      return undefined
    }
  }

  private async wrapped(secret: Bytes): Promise<MetaChange> {
    const fingerprint = secretFingerprint(secret, this.deps.blake3)
    return put(listKey.secret(fingerprint), keptSecret, { version: WRAPPED, value: await this.deps.keyWrap.wrap(secret, fingerprint) })
  }

  private async learn(secret: Bytes): Promise<Bytes> {
    const fingerprint = secretFingerprint(secret, this.deps.blake3)
    const name = toHex(fingerprint)
    if (!this.known.has(name)) this.known.set(name, { secret, keys: await deriveKeys(secret) })
    return fingerprint
  }
}
