import { isAppError, throwIfAborted } from '../../base/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Network, PeerHint } from '../../ports/network.ts'
import { ringOr } from '../bell.ts'
import { Dials } from './dials.ts'
import type { Hosts } from './hosts.ts'

/** Connected hosts beyond which no more are sought: a group uses 16, and some may fail. */
export const MOST_HOSTS = 24
/** One dial may take this long, in ms: a direct way gets 7 s by itself, and then the way over a relay beside it (peer/network.ts). */
const DIAL_MS = 15_000
/** Waits between rounds, in ms: short while hosts turn up, longer each time none did. A round dials known hosts that are away. */
const FIRST_WAIT = 1000
const LONGEST_WAIT = 10_000
/** The DHT is asked in a round, but not more often than this, in ms, while some hosts are there: a look-up costs dozens of peers a message. */
const FIND_MS = 60_000
/** Look after the number of hosts this often when there are enough. */
const CALM_WAIT = 30_000
/** Changes of the network come in bursts. */
const BURST_MS = 300
/** A first group waits this long at most for further hosts once there is one (design.md 5: sixteen are found within 5 s). */
const SETTLE_MS = 5000
const SETTLE_STEP = 100
/** So many searches in a row without a new host, and there are no more for now. */
const QUIET = 2
/** One search may take this long, in ms: a DHT full of dead peers must not hold up the next. */
const SEARCH_MS = 30_000

export interface SearchDeps {
  readonly network: Network
  readonly hosts: Hosts
  readonly clock: Clock
}

/** Keeps enough hosts connected: those of earlier runs first and, beside them, those that the DHT names. */
export class Search {
  private readonly deps: SearchDeps
  /** Searches in a row that brought nobody new. */
  private quiet = 0
  private dialling = 0
  private firstHost: number | undefined

  constructor(deps: SearchDeps) {
    this.deps = deps
  }

  /** Runs until `signal` fires. */
  async run(signal: AbortSignal): Promise<void> {
    this.deps.network.watch(() => {
      this.deps.hosts.changed.ring()
    }, signal)
    let wait = FIRST_WAIT
    let found = -Infinity
    while (!signal.aborted) {
      const before = this.deps.hosts.connected().length
      const time = this.deps.clock.now()
      const find = before === 0 || wait < LONGEST_WAIT || Math.abs(time - found) >= FIND_MS
      if (find) found = time
      if (before < MOST_HOSTS) await this.sweep(find, signal)
      const now = this.deps.hosts.connected().length
      this.quiet = now > before ? 0 : this.quiet + 1
      this.deps.hosts.changed.ring()
      if (now > before) wait = FIRST_WAIT
      const more = await this.pause(now >= MOST_HOSTS ? CALM_WAIT : wait, signal)
      wait = more ? FIRST_WAIT : Math.min(LONGEST_WAIT, wait * 2)
    }
  }

  /**
   * Resolves once hosts can be chosen sensibly: `wanted` are there, or all that could be found; a store that began with the first host it
   * met would put every row on that one. Rejects `aborted` only.
   */
  async settled(wanted: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      throwIfAborted(signal)
      const count = this.deps.hosts.candidates().length
      const now = this.deps.clock.now()
      if (count === 0) this.firstHost = undefined
      else this.firstHost ??= now
      if (count >= wanted || this.deps.hosts.allClosed() !== undefined) return
      if (count > 0 && this.quiet >= QUIET && this.dialling === 0) return
      if (this.firstHost !== undefined && Math.abs(now - this.firstHost) >= SETTLE_MS) return
      await ringOr(this.deps.hosts.changed, SETTLE_STEP, this.deps.clock, signal)
    }
  }

  /** One round over known hosts and, with `find`, the DHT's. */
  private async sweep(find: boolean, signal: AbortSignal): Promise<void> {
    const round = new AbortController()
    const stop = AbortSignal.any([signal, round.signal])
    const tried = new Set<string>()
    const dials = new Dials(this.deps.clock)
    const dial = async (hint: PeerHint): Promise<void> => {
      if (tried.has(hint.key) || this.deps.hosts.isConnected(hint.key)) return
      tried.add(hint.key)
      await dials.room(stop)
      if (stop.aborted || this.deps.hosts.connected().length >= MOST_HOSTS) return
      dials.start((late) => this.dial(hint, AbortSignal.any([stop, late])))
    }
    const known = async (): Promise<void> => {
      for (const hint of this.deps.hosts.known()) await dial(hint)
    }
    const found = async (): Promise<void> => {
      for await (const hint of this.deps.network.findHosts({ signal: stop })) {
        await dial(hint)
        if (this.deps.hosts.connected().length >= MOST_HOSTS) break
      }
    }
    // A search that fails finds nothing this time; the next round asks again.
    const searching = Promise.allSettled([known(), find ? found() : undefined]).then(() => dials.ended())
    await Promise.race([searching, this.deps.clock.sleep(SEARCH_MS, stop).catch(() => undefined)])
    round.abort()
    await searching
  }

  private async dial(hint: PeerHint, signal: AbortSignal): Promise<void> {
    const late = new AbortController()
    this.dialling++
    const timer = this.deps.clock.sleep(DIAL_MS, AbortSignal.any([signal, late.signal])).then(
      () => { late.abort() },
      () => undefined,
    )
    try {
      await this.deps.hosts.meet(hint, AbortSignal.any([signal, late.signal]))
    } catch (error) {
      if (!isAppError(error, 'aborted')) throw error
    } finally {
      this.dialling--
      late.abort()
      await timer
    }
  }

  /** Waits, but not beyond a change after which more may be found. Resolves to whether there was one. */
  private async pause(ms: number, signal: AbortSignal): Promise<boolean> {
    const over = new AbortController()
    const stop = AbortSignal.any([signal, over.signal])
    try {
      await this.deps.clock.sleep(BURST_MS, stop)
      const late = this.deps.clock.sleep(ms - BURST_MS, stop).then(() => false)
      return await Promise.race([late, this.lost(stop).then(() => true)])
    } catch (error) {
      if (!isAppError(error, 'aborted')) throw error
      return false
    } finally {
      over.abort()
    }
  }

  /** Resolves when another search may find more: a relay came, or a host went. */
  private async lost(signal: AbortSignal): Promise<void> {
    let before = this.reach()
    for (;;) {
      await this.deps.hosts.changed.wait(signal)
      const now = this.reach()
      if (now.relays > before.relays || now.hosts < before.hosts) return
      before = now
    }
  }

  private reach(): { hosts: number; relays: number } {
    const { relays } = this.deps.network.state()
    return { hosts: this.deps.hosts.connected().length, relays: relays.filter(({ connected }) => connected).length }
  }
}
