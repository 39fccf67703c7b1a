import type { Bytes } from '../../base/bytes.ts'
import type { AppError } from '../../base/errors.ts'
import type { Blake3 } from '../../ports/blake3.ts'
import type { Clock, Random } from '../../ports/clock.ts'
import type { Journal } from '../journal.ts'
import type { Storage } from '../storage.ts'
import type { Heads } from './heads.ts'
import type { OwnDrive } from './own-drive.ts'

/** What publishing and merging heads takes. */
export interface SyncDeps {
  readonly own: OwnDrive
  readonly storage: Pick<Storage, 'storePart' | 'keepParts' | 'seedReader'>
  readonly heads: Pick<Heads, 'find' | 'get' | 'publish'>
  /** The list's: what is written about a change before the change itself is durable first. */
  readonly journal: Journal
  readonly clock: Clock
  readonly random: Random
  readonly blake3: Blake3
  /** What this device is called at first. */
  readonly deviceName: string
  /** Something that `DriveSync.state` shows may be different. */
  readonly changed: () => void
  readonly report: (error: AppError) => void
}

/** A device of the account that has a head. */
export interface SyncDevice {
  readonly index: number
  readonly name: string
  /** Milliseconds since 1970, by its clock. */
  readonly written: number
  readonly own: boolean
  /** In hexadecimal; of another device only once its head was found in this run. */
  readonly device: string | undefined
  /** It was asked to sign out. One that has done so is not among the devices. */
  readonly asked: boolean
}

export interface SyncState {
  /** Of this device, once it has one. */
  readonly index: number | undefined
  /** Whether hosts have everything that is in this drive. */
  readonly published: boolean
  /** When the newest head of ours was made that hosts took, in this run or an earlier one; ms since 1970. */
  readonly publishedAt: number | undefined
  /** Whether others were looked for at least once in this run, with an answer. */
  readonly looked: boolean
  /** All heads that are known, ascending by index. */
  readonly devices: readonly SyncDevice[]
  /** Why publishing or looking fails now. */
  readonly problem: AppError | undefined
}

/** `Drive.stateVector` of an empty drive. */
export const EMPTY_VECTOR: Bytes = Uint8Array.of(0)
