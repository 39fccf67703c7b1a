import { concat, toHex, utf8, type Bytes } from '../../base/bytes.ts'
import { asAppError, type AppError } from '../../base/errors.ts'
import { LABELS } from '../../base/labels.ts'
import type { Blake3 } from '../../ports/blake3.ts'
import type { Copies } from './copies.ts'

/** Bytes on their way to the disk for no holder, at most: beyond it they are not kept, since no reader is to wait for the disk, nor memory to fill. */
const WAITING = 32 * 2 ** 20
/** Hex digits of a holder. */
const HOLDER = 32

/** Copies on this device as a reader uses them. Each is found by the key that opens it, 32 bytes. */
export interface Shelf {
  /** Whether what is put here stays, whatever else needs room: then failures are told. */
  readonly keeps: boolean
  /** Sealed bytes, unchecked; `undefined` for none. Rejects only on a shelf that keeps. */
  get(key: Bytes): Promise<Bytes | undefined>
  /** Keeps sealed bytes that have been opened; they belong to the shelf from then on. Waits for the disk, and rejects, only on a shelf that keeps. */
  put(key: Bytes, sealed: Bytes, options?: { replace?: boolean }): Promise<void>
  /** What was got does not open. Never rejects. */
  drop(key: Bytes): Promise<void>
}

export interface ShelvesDeps {
  readonly copies: Copies
  readonly blake3: Blake3
  readonly report: (error: AppError) => void
}

/** Gives readers their shelves. */
export class Shelves {
  /** For whatever is read: copies stay while there is room. */
  readonly passing: Shelf
  private waiting = 0
  private readonly deps: ShelvesDeps

  constructor(deps: ShelvesDeps) {
    this.deps = deps
    const { copies } = deps
    this.passing = {
      keeps: false,
      get: (key) => copies.get(this.name(key)),
      put: (key, sealed, options = {}) => {
        void this.putSoon(this.name(key), sealed, options)
        return Promise.resolve()
      },
      drop: (key) => copies.drop(this.name(key)),
    }
  }

  /** For the file of a link seed, all of whose copies are to stay. */
  keeping(seed: Uint8Array): Shelf {
    const { copies } = this.deps
    const holder = this.holder(seed)
    return {
      keeps: true,
      get: async (key) => {
        const name = this.name(key)
        const sealed = await copies.get(name)
        if (sealed !== undefined) await copies.hold(name, holder)
        return sealed
      },
      put: (key, sealed, options = {}) => copies.put(this.name(key), sealed, { ...options, holder }),
      drop: (key) => copies.drop(this.name(key)),
    }
  }

  /** The holder of the file of a link seed. */
  holder(seed: Uint8Array): string {
    return toHex(this.deps.blake3.hash(concat([utf8(LABELS.copyHolder), seed]))).slice(0, HOLDER)
  }

  private name(key: Bytes): string {
    return toHex(this.deps.blake3.keyed(key, utf8(LABELS.copyName)))
  }

  private async putSoon(name: string, sealed: Bytes, options: { replace?: boolean }): Promise<void> {
    if (this.waiting + sealed.length > WAITING) return
    this.waiting += sealed.length
    try {
      await this.deps.copies.put(name, sealed, options)
    } catch (error) {
      this.deps.report(asAppError(error))
    } finally {
      this.waiting -= sealed.length
    }
  }
}
