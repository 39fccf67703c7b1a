import { toHex, type Bytes } from '../../base/bytes.ts'
import { isAppError, throwIfAborted } from '../../base/errors.ts'
import type { SealedRecord } from '../../formats/list.ts'
import type { Clock } from '../../ports/clock.ts'
import type { PeerKey } from '../../ports/network.ts'
import type { Hosts } from '../hosts/hosts.ts'
import type { Search } from '../hosts/search.ts'

/** An answer is believed this long, in ms: a file of many known pieces asks each host once per chunk, not once per piece. */
const BELIEVED_MS = 60_000
/** Answers remembered: a little more than the chunks of a busy minute. */
const REMEMBERED = 4096

export interface AliveDeps {
  readonly hosts: Hosts
  readonly search: Search
  readonly clock: Clock
}

/** Asks hosts whether they still hold what their receipts say: a known piece counts as stored only then. */
export class Alive {
  private readonly answers = new Map<string, { readonly at: number; readonly dead: readonly number[] }>()
  private readonly deps: AliveDeps

  constructor(deps: AliveDeps) {
    this.deps = deps
  }

  /** Rows of the sealed chunk `name` whose leases could not be confirmed. Waits until hosts are connected. Rejects `aborted` only. */
  async deadRows(name: string, record: SealedRecord, signal: AbortSignal): Promise<readonly number[]> {
    const now = this.deps.clock.now()
    const known = this.answers.get(name)
    if (known !== undefined && Math.abs(now - known.at) < BELIEVED_MS) return known.dead
    await this.deps.search.settled(record.rows.length, signal)
    const dead = await this.ask(record, signal)
    if (this.answers.size >= REMEMBERED) this.answers.clear()
    this.answers.set(name, { at: now, dead })
    return dead
  }

  /** The chunk's rows changed: what was heard of it is old. */
  forget(name: string): void {
    this.answers.delete(name)
  }

  private async ask(record: SealedRecord, signal: AbortSignal): Promise<number[]> {
    const dead: number[] = []
    const byHost = new Map<PeerKey, number[]>()
    for (const [index, { host, state }] of record.rows.entries()) {
      if (host === undefined || state !== 'leased') dead.push(index)
      else byHost.set(toHex(host), [...(byHost.get(toHex(host)) ?? []), index])
    }
    const answers = await Promise.all([...byHost].map(([host, indexes]) => this.askHost(host, indexes, record.roots, signal)))
    return [...dead, ...answers.flat()].sort((a, b) => a - b)
  }

  private async askHost(host: PeerKey, indexes: readonly number[], roots: readonly Bytes[], signal: AbortSignal): Promise<readonly number[]> {
    if (!this.deps.hosts.isConnected(host)) return indexes
    try {
      const client = await this.deps.hosts.client(host, signal)
      const asked = indexes.flatMap((index) => roots[index] ?? [])
      const holdings = await client.has(asked, { signal })
      return indexes.filter((_, i) => holdings[i] !== 'leased')
    } catch (error) {
      throwIfAborted(signal)
      if (isAppError(error, 'bug')) throw error
      return indexes
    }
  }
}
