import { equal, toHex, type Bytes } from '../../base/bytes.ts'
import { AppError } from '../../base/errors.ts'
import type { DrivePart } from '../../formats/head.ts'
import type { SyncDeps } from './sync-deps.ts'

/**
 * The bytes of a stored part, checked. Throws `corrupt` `drive.damaged` when they are others than the head said; as `Storage.seedReader` and
 * `FileReader.read`; `aborted`.
 */
export async function readPart(part: DrivePart, { storage, blake3 }: Pick<SyncDeps, 'storage' | 'blake3'>, signal: AbortSignal): Promise<Bytes> {
  const reader = await storage.seedReader(part.link, { signal })
  if (reader.size !== part.size) throw damaged()
  const bytes = new Uint8Array(part.size)
  let at = 0
  for await (const piece of reader.read(0, part.size, { signal })) {
    if (at + piece.length > bytes.length) throw damaged()
    bytes.set(piece, at)
    at += piece.length
  }
  if (at !== bytes.length || !equal(blake3.hash(bytes), part.hash)) throw damaged()
  return bytes
}

/** Stores parts, and remembers those that no head names yet: what is done again after a failure is not stored again. */
export class PartStore {
  private readonly stored = new Map<string, DrivePart>()
  private readonly deps: Pick<SyncDeps, 'storage' | 'blake3'>

  constructor(deps: Pick<SyncDeps, 'storage' | 'blake3'>) {
    this.deps = deps
  }

  /** Errors as `Storage.storePart`. */
  async put(bytes: Bytes, signal: AbortSignal): Promise<DrivePart> {
    const hash = this.deps.blake3.hash(bytes)
    const known = this.stored.get(toHex(hash))
    if (known !== undefined) return known
    const part = { link: await this.deps.storage.storePart(bytes, signal), size: bytes.length, hash }
    this.stored.set(toHex(hash), part)
    return part
  }

  /** Link seeds of parts that nothing names yet. */
  get links(): Bytes[] {
    return [...this.stored.values()].map(({ link }) => link)
  }

  /** What is needed of them is named now. */
  clear(): void {
    this.stored.clear()
  }
}

function damaged(): AppError {
  return new AppError('corrupt', 'drive.damaged', 'a part of a drive is not what its head says')
}
