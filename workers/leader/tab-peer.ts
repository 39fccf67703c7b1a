import { transfer } from 'comlink'
import type { Clock } from '../../core/ports/clock.ts'
import type { PeerContract } from '../contract.ts'
import { Election, type ElectionRealm } from './election.ts'
import { LeaderLine, type Line } from './leader-line.ts'
import type { News } from './news.ts'

/** A peer worker of this tab. */
export interface OwnPeer {
  readonly peer: PeerContract
  /** Ends it at once: what it was writing is written whole or not at all. */
  end(): void
}

/** A peer worker of another tab. */
export interface OtherPeer {
  readonly leader: string
  readonly peer: PeerContract
  /** Resolves when the browser says that the other end is gone; it may never say so. */
  readonly closed: Promise<unknown>
  close(): void
}

/** Everything around a tab's part in the one peer of its browser: page.ts, or a test. */
export interface TabRealm extends ElectionRealm {
  readonly clock: Clock
  /** Starts the peer worker of this tab; `died` is called should it not load, or end by itself. */
  start(leader: string, died: () => void): OwnPeer
  /** A way to the peer worker of the leader; `undefined` when there is none now. */
  reach(): Promise<OtherPeer | undefined>
}

/** The one peer of this browser, as a tab has it: leads or follows, and stands behind `peer` in either case. */
export class TabPeer {
  private readonly realm: TabRealm
  private readonly line: LeaderLine
  private readonly election: Election
  private own: { readonly line: Line; readonly worker: OwnPeer; died: boolean } | undefined
  private other: OtherPeer | undefined
  private reaching = false
  /** Heard of while the way to one was being looked for. */
  private again = false

  constructor(realm: TabRealm) {
    this.realm = realm
    this.line = new LeaderLine(realm.clock, () => this.leave())
    this.election = new Election(realm, {
      lead: (leader) => this.lead(leader),
      depose: () => this.depose(),
      follow: (leader) => void this.follow(leader),
    })
  }

  get peer(): PeerContract {
    return this.line.peer
  }

  /** Takes part until `leave`. */
  run(): Promise<void> {
    return this.election.run()
  }

  hear(news: News): void {
    this.election.hear(news)
  }

  /** The name of this tab as the leader, while it leads. */
  leads(): string | undefined {
    return this.own?.line.leader
  }

  /** Hands a follower's port to the own worker. */
  attach(port: MessagePort): void {
    // A worker that died answers nobody; the follower hears of the next leader.
    void this.own?.worker.peer.attach(transfer(port, [port])).catch(() => undefined)
  }

  /** Takes part no more: ends the own worker in good order, if there is one, and gives the lock back. */
  async leave(): Promise<void> {
    await this.own?.worker.peer.stop().catch(() => undefined)
    this.election.leave()
  }

  private lead(leader: string): void {
    this.closeOther()
    const worker = this.realm.start(leader, () => {
      if (this.own?.worker === worker) this.own.died = true
      this.election.leave()
    })
    const line = { leader, peer: worker.peer, lost: Promise.withResolvers<undefined>() }
    this.own = { line, worker, died: false }
    this.line.connect(line)
  }

  private depose(): void {
    const { own } = this
    this.own = undefined
    own?.worker.end()
    // One that died says so to all who ask, until another tab leads.
    if (own?.died === false) own.line.lost.resolve(undefined)
  }

  /** Looks for a way to the leader, unless there is one to this one. */
  private async follow(leader: string | undefined): Promise<void> {
    if (this.own !== undefined || (this.other !== undefined && this.other.leader === leader)) return
    this.again = this.reaching
    if (this.reaching) return
    this.reaching = true
    const other = await this.realm.reach()
    this.reaching = false
    if (this.leads() !== undefined) other?.close()
    else if (other !== undefined) this.connect(other)
    else if (!this.again) this.line.wait()
    if (this.again) await this.follow(leader)
  }

  private connect(other: OtherPeer): void {
    if (other.leader === this.other?.leader) {
      other.close()
      return
    }
    this.closeOther()
    this.other = other
    const lost = Promise.withResolvers<undefined>()
    this.line.connect({ leader: other.leader, peer: other.peer, lost })
    void other.closed.then(() => {
      lost.resolve(undefined)
      if (this.other === other) this.other = undefined
    })
  }

  private closeOther(): void {
    this.other?.close()
    this.other = undefined
  }
}
