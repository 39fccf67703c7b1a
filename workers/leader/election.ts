import { asAppError } from '../../core/base/errors.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { News } from './news.ts'

/** Held by the one tab of this browser that runs the peer. */
export const LOCK = 'shoal-peer'

/** A tick, in ms; silence is counted in ticks, so that a machine that slept blames nobody [L3]. */
const TICK_MS = 1000
/** Ticks of silence after which a leader is taken for frozen: several of its beats, on a busy machine. A hidden tab lets the visible ones go first. */
const SILENT_TICKS = 6
const SILENT_TICKS_HIDDEN = 20
/** Ticks that a new leader has until its worker beats: a slow device loads it first. */
const START_TICKS = 30
/** The least time between two steals in one browser, in ms: tabs that all struggle must not take the lock from each other in a circle [L4]. */
const STEAL_EVERY_MS = 60_000
/** Leaders remembered as gone, whose late beats mean nothing. */
const MAX_GONE = 16

/** What the election needs of `LockManager` (Web Locks API), whose steal rejects the holder's request with an `AbortError`. */
export interface LockQueue {
  request(name: string, options: LockWish, task: (lock: object | null) => Promise<void>): Promise<void>
}

export interface LockWish {
  readonly ifAvailable?: boolean
  readonly steal?: boolean
  readonly signal?: AbortSignal
}

export interface ElectionRealm {
  readonly locks: LockQueue
  readonly clock: Clock
  /** Whether a person sees this tab. */
  readonly visible: () => boolean
  /** A name for a leader that no other has. */
  readonly newName: () => string
  readonly say: (news: News) => void
}

/** What is done with the outcome. */
export interface ElectionHands {
  /** This tab leads from now on, under this name. */
  lead(leader: string): void
  /** It does no more: stop at once. */
  depose(): void
  /** Another tab leads. Its name is not known before it was heard. */
  follow(leader: string | undefined): void
}

interface Term {
  readonly leader: string
  readonly over: PromiseWithResolvers<undefined>
}

/** This tab's part in choosing the one that leads (docs/protocols/leader.md). */
export class Election {
  private readonly realm: ElectionRealm
  private readonly hands: ElectionHands
  private readonly leaving = new AbortController()
  private readonly gone = new Set<string>()
  private term: Term | undefined
  private current: string | undefined
  private silent = 0
  private stolenAt = Number.NEGATIVE_INFINITY
  /** Fires when there is nobody to count the silence of. */
  private counting = new AbortController()

  constructor(realm: ElectionRealm, hands: ElectionHands) {
    this.realm = realm
    this.hands = hands
  }

  /** Leads when no other tab does, else waits; again and again until `leave`. */
  async run(): Promise<void> {
    await this.hold({ ifAvailable: true })
    while (!this.leaving.signal.aborted) await this.wait()
  }

  /** Gives the lock back and waits for it no more. */
  leave(): void {
    this.leaving.abort()
    this.term?.over.resolve(undefined)
  }

  /** What another tab, or the own worker, said. */
  hear(news: News): void {
    if (news.kind === 'update' || this.term !== undefined || this.gone.has(news.leader)) return
    if (this.current !== news.leader) {
      if (this.current !== undefined) this.forget(this.current)
      this.current = news.leader
    }
    this.silent = news.kind === 'lead' ? -START_TICKS : 0
    if (news.kind === 'lead' && news.stolen) this.stolenAt = this.realm.clock.now()
    this.hands.follow(news.leader)
  }

  private async wait(): Promise<void> {
    this.hands.follow(this.current)
    const turn = new AbortController()
    this.counting = new AbortController()
    const queued = this.hold({ signal: AbortSignal.any([turn.signal, this.leaving.signal]) })
    const silence = this.silence(AbortSignal.any([this.counting.signal, this.leaving.signal]))
    const frozen = await Promise.race([queued.then(() => false), silence])
    if (frozen) turn.abort()
    // Whoever got the lock meanwhile leads, and this ends with that.
    const led = await queued
    this.counting.abort()
    if (!frozen || led || this.leaving.signal.aborted) return
    this.stolenAt = this.realm.clock.now()
    await this.hold({ steal: true })
  }

  /** Asks for the lock and leads while it is held. Resolves, when that is over, to whether it was. */
  private async hold(wish: LockWish): Promise<boolean> {
    const held: { term?: Term } = {}
    try {
      await this.realm.locks.request(LOCK, wish, async (lock) => {
        if (lock === null || this.leaving.signal.aborted) return
        held.term = this.begin(wish.steal === true)
        await held.term.over.promise
      })
    } catch (error) {
      // The waiting was ended, or the lock was stolen.
      if (asAppError(error).kind !== 'aborted') throw error
    }
    if (held.term === undefined) return false
    this.end(held.term)
    return true
  }

  private begin(stolen: boolean): Term {
    this.counting.abort()
    if (this.current !== undefined) this.forget(this.current)
    const leader = this.realm.newName()
    const term = { leader, over: Promise.withResolvers<undefined>() }
    this.term = term
    this.realm.say({ kind: 'lead', leader, stolen })
    this.hands.lead(leader)
    return term
  }

  private end({ leader }: Term): void {
    this.term = undefined
    this.current = undefined
    this.forget(leader)
    this.hands.depose()
  }

  /** Counts ticks without a sign of life; resolves to `true` when they are enough to steal, to `false` when `signal` fires. */
  private async silence(signal: AbortSignal): Promise<boolean> {
    this.silent = Math.min(this.silent, 0)
    const { clock, visible } = this.realm
    for (;;) {
      try {
        await clock.sleep(TICK_MS, signal)
      } catch {
        return false
      }
      this.silent++
      const enough = this.silent >= (visible() ? SILENT_TICKS : SILENT_TICKS_HIDDEN)
      if (enough && clock.now() - this.stolenAt >= STEAL_EVERY_MS) return true
    }
  }

  private forget(leader: string): void {
    this.gone.add(leader)
    const [oldest] = this.gone
    if (this.gone.size > MAX_GONE && oldest !== undefined) this.gone.delete(oldest)
  }
}
