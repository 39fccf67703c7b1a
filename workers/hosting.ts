import { AppError, asAppError, toPlainError, type PlainError } from '../core/base/errors.ts'
import { runHost } from '../core/swarm/host.ts'
import { openUptime } from '../core/swarm/uptime.ts'
import { openVault, type Vault } from '../core/swarm/vault.ts'
import type { ShardStore } from '../core/ports/shard-store.ts'
import type { Peer } from '../peer/peer.ts'
import { serveWhenProven } from '../peer/serving.ts'
import type { Hosting } from './contract.ts'
import { saveHosting, savedHosting, type HostingChoice } from './device.ts'
import type { PeerRealm } from './peer-realm.ts'
import type { BrowserStorage } from './storage/open.ts'

const GIB = 2 ** 30
/** The largest space that is offered as a choice. */
const MAX_SPACE = 1024 * GIB
/** Bytes of what the browser grants that are never offered: the outbox, the list, and what a host keeps free (shard.md 6). */
const OWN_RESERVE = GIB
/** How often what is held is looked at, in ms; the browser's own word on its space is asked for every so many looks. */
const LOOK_MS = 2000
const LOOKS_PER_ESTIMATE = 15

/** Doubling spaces, in bytes, of which each fits into `granted` bytes. */
export function spaceChoices(granted: number): number[] {
  const choices: number[] = []
  for (let space = GIB; space <= Math.min(granted, MAX_SPACE); space *= 2) choices.push(space)
  return choices
}

/** What a session has of hosting. */
export type HostingPart = Pick<HostingKeeper, 'snapshot' | 'set' | 'stop'>

/** `HostingKeeper.open`, but where the vault cannot be opened a part that says why: a person's own files must not wait for what is held for others. */
export async function openHosting(realm: PeerRealm, kept: BrowserStorage, peer: Peer, changed: () => void): Promise<HostingPart> {
  try {
    return await HostingKeeper.open(realm, kept, peer, changed)
  } catch (error) {
    const failure = asAppError(error, 'transient', 'shard.io')
    realm.report(failure)
    const nothing: Hosting = { on: false, space: GIB, choices: [], used: 0, shards: 0, guests: 0, persisted: false, problem: toPlainError(failure) }
    return { snapshot: () => nothing, set: () => Promise.reject(failure), stop: () => Promise.resolve() }
  }
}

/** A tab as a host: what the person chose, kept over restarts, and the vault while there is something to host or to serve out. */
export class HostingKeeper {
  private readonly realm: PeerRealm
  private readonly kept: BrowserStorage
  private readonly peer: Peer
  private readonly changed: () => void
  private readonly ending = new AbortController()
  private readonly shards: ShardStore
  private readonly vault: Vault
  private announcing: AbortController | undefined
  private choice: HostingChoice
  private choices: readonly number[] = []
  private persisted = false
  private guests = 0
  private problem: PlainError | undefined
  private watching: Promise<void> | undefined
  private changing: Promise<unknown> = Promise.resolve()

  private constructor(parts: { realm: PeerRealm; kept: BrowserStorage; peer: Peer; changed: () => void; shards: ShardStore; vault: Vault; choice: HostingChoice }) {
    this.realm = parts.realm
    this.kept = parts.kept
    this.peer = parts.peer
    this.changed = parts.changed
    this.shards = parts.shards
    this.vault = parts.vault
    this.choice = parts.choice
  }

  /** Goes on as the person chose last time. Errors as the stores; `corrupt` `vault.damaged`. `changed` is called when `snapshot` may differ. */
  static async open(realm: PeerRealm, kept: BrowserStorage, peer: Peer, changed: () => void): Promise<HostingKeeper> {
    const choice = await savedHosting(kept.device)
    const { shards, meta } = await kept.openVault()
    const vault = await openVault({ shards, meta, clock: realm.clock, offered: choice.on ? choice.space : 0, report: realm.report })
    const keeper = new HostingKeeper({ realm, kept, peer, changed, shards, vault, choice })
    await keeper.start()
    return keeper
  }

  snapshot(): Hosting {
    const { choice, choices, persisted, guests, problem } = this
    const { bytes, entries } = this.vault.held
    return { ...choice, choices, used: bytes, shards: entries, guests, persisted, ...(problem === undefined ? {} : { problem }) }
  }

  /** See `PeerContract.setHosting`. Of several calls the last one stands. */
  set(on: boolean, space: number): Promise<void> {
    const change = this.changing.then(() => this.change(on, space))
    this.changing = change.catch(() => undefined)
    return change
  }

  private async change(on: boolean, space: number): Promise<void> {
    await this.estimate()
    if (!this.choices.includes(space) && space !== this.choice.space) throw new AppError('invalid', 'hosting.space', 'not one of the spaces to choose from')
    const choice = { on, space }
    await saveHosting(this.kept.device, choice)
    this.choice = choice
    this.vault.offer(on ? space : 0)
    this.announce()
    this.changed()
  }

  /** Ends in good order: nothing is half done on disk. */
  async stop(): Promise<void> {
    this.announcing?.abort()
    this.ending.abort()
    await this.watching
    await this.vault.settled()
  }

  private async start(): Promise<void> {
    const { realm, peer, kept, ending } = this
    const uptimeClass = await openUptime(kept.device, realm.clock, realm.report, ending.signal)
    const { network, records, identity } = peer
    const guests = (peers: number): void => {
      this.guests = peers
      this.changed()
    }
    const { clock, random, report } = realm
    const { verify } = realm.signatures
    const parts = { vault: this.vault, network, records, identity, blake3: await realm.loadBlake3(), clock, random, verify, report }
    // What was promised is served also while nothing new is taken.
    await runHost({ ...parts, addresses: () => peer.addresses(), uptimeClass, guests }, ending.signal)
    this.announce()
    this.watching = this.look()
  }

  private announce(): void {
    if (!this.choice.on) {
      this.announcing?.abort()
      this.announcing = undefined
    } else if (this.announcing === undefined) {
      this.announcing = new AbortController()
      const { signal } = this.announcing
      const failed = (error: unknown): void => this.realm.report(asAppError(error))
      void this.peer.network.announce(signal).catch(failed)
      void serveWhenProven(this.peer, this.realm.clock, signal).catch(failed)
    }
  }

  /** Notices what came and went, and what the browser grants. */
  private async look(): Promise<void> {
    const { signal } = this.ending
    let seen = ''
    for (let looks = 0; !signal.aborted; looks++) {
      if (looks % LOOKS_PER_ESTIMATE === 0) await this.estimate()
      const now = JSON.stringify(this.snapshot())
      if (now !== seen) this.changed()
      seen = now
      await this.realm.clock.sleep(LOOK_MS, signal).catch(() => undefined)
    }
  }

  private async estimate(): Promise<void> {
    try {
      const { free } = await this.shards.room()
      this.choices = spaceChoices(free + this.vault.held.bytes - OWN_RESERVE)
      this.persisted = await this.kept.persisted()
      this.problem = undefined
    } catch (error) {
      this.problem = toPlainError(asAppError(error, 'transient', 'shard.io'))
    }
  }
}
