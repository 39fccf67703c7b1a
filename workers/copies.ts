import { AppError, asAppError, toPlainError } from '../core/base/errors.ts'
import type { Copies } from '../core/flows/cache/copies.ts'
import type { StorageDeps } from '../core/flows/index.ts'
import type { CopiesState } from './contract.ts'
import { savedCopiesRoom, saveCopiesRoom } from './device.ts'
import type { PeerRealm } from './peer-realm.ts'
import type { BrowserStorage } from './storage/open.ts'

const MIB = 2 ** 20
const GIB = 2 ** 30
/** Room that may be chosen, in bytes. */
const ROOMS = [0, 256 * MIB, GIB, 4 * GIB, 16 * GIB]
/** What the browser grants beyond it is never offered (docs/formats/copies.md C2). */
const RESERVE = GIB

/** Room for copies that fits into `granted` bytes. */
export function roomChoices(granted: number): number[] {
  return ROOMS.filter((room) => room <= Math.max(0, granted - RESERVE))
}

/** The stores of copies; `undefined` where they cannot be opened: a person's files must not wait for copies of them. */
export async function openCopies(realm: PeerRealm, kept: BrowserStorage): Promise<StorageDeps['copies']> {
  try {
    return { ...(await kept.openCopies()), room: await savedCopiesRoom(kept.device) }
  } catch (error) {
    realm.report(asAppError(error, 'transient', 'shard.io'))
    return undefined
  }
}

export interface CopiesPartInit {
  readonly copies: Copies
  readonly device: BrowserStorage['device']
  /** Why no more can be kept. */
  readonly problem: () => AppError | undefined
  readonly changed: () => void
}

/** The room for copies, as the person chose it. */
export class CopiesPart {
  private readonly init: CopiesPartInit
  private room: number
  private choices: readonly number[] = []

  constructor(init: CopiesPartInit, room: number) {
    this.init = init
    this.room = room
  }

  /** Asks the browser what it grants. Errors of the store. */
  async estimate(): Promise<void> {
    const { copies } = this.init
    this.choices = roomChoices((await copies.granted()) + copies.usage.cached)
  }

  snapshot(): CopiesState {
    const { cached, held } = this.init.copies.usage
    const problem = this.init.problem()
    return { room: this.room, choices: this.choices, cached, kept: held, ...(problem === undefined ? {} : { problem: toPlainError(problem) }) }
  }

  /** See `PeerContract.setCopiesRoom`. */
  async setRoom(bytes: number): Promise<void> {
    await this.estimate()
    if (!this.choices.includes(bytes) && bytes !== this.room) throw new AppError('invalid', 'copies.room', 'not one of the rooms to choose from')
    await saveCopiesRoom(this.init.device, bytes)
    this.room = bytes
    await this.init.copies.setRoom(bytes)
    this.init.changed()
  }
}
