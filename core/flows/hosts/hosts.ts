import { fromHex, type Bytes } from '../../base/bytes.ts'
import { isAppError } from '../../base/errors.ts'
import { hostRecord, type HostRecord } from '../../formats/list.ts'
import { listKey } from '../../formats/list-key.ts'
import { ADDRESS_BYTES } from '../../formats/share.ts'
import { noteOutcome, trust, type Outcome } from '../../placement/conduct.ts'
import { fetchOrder, type HostView, type RowSource } from '../../placement/order.ts'
import type { Candidate } from '../../placement/place.ts'
import type { Clock } from '../../ports/clock.ts'
import type { PeerHint, PeerKey } from '../../ports/network.ts'
import { Bell } from '../bell.ts'
import { put, type Journal } from '../journal.ts'
import type { ShardClient } from '../../swarm/shard-client.ts'
import type { HostPool } from '../../swarm/host-pool.ts'

/** Why a host is left alone for a while. */
export type Trouble = 'full' | 'down' | 'refuses'

/** How long each kind of trouble is believed, in ms: a host that was full may be emptied, one that is down may come back any moment. */
const COOLING: Readonly<Record<Trouble, number>> = { full: 10 * 60_000, down: 60_000, refuses: 10 * 60_000 }
/** A host that lagged is asked last for so long, in ms: a crash is noticed by then, or it gets another chance. */
const SUSPECT_MS = 15_000
/** Weight of the newest measurement in a host's speed. */
const FRESH = 0.3
/** Transfers shorter than this (bytes) measure latency, not speed. */
const MEASURED_BYTES = 32 * 1024
/** Conduct is written at most this often per host, in ms: losing the last seconds of it harms nobody. */
const SAVE_MS = 5000
/** Hosts of earlier runs that are looked for unasked: those seen last. Others are dialled when something lies there. */
const KNOWN = 64
/** Addresses kept per host (formats: at most 8). */
const ADDRESSES = 8
const MIB = 1024 * 1024

export interface HostsDeps {
  readonly pool: Pick<HostPool, 'get' | 'connected'>
  readonly journal: Journal
  readonly clock: Clock
}

/** What this peer knows of hosts: who they are, where, how fast, how well they behave, and what is wrong with them now. */
export class Hosts {
  /** Rings when a host came, went, or recovered. */
  readonly changed = new Bell()
  private readonly records = new Map<PeerKey, HostRecord>()
  private readonly speeds = new Map<PeerKey, number>()
  /** Until when each of them is, in ms since 1970. */
  private readonly suspects = new Map<PeerKey, number>()
  private readonly trouble = new Map<PeerKey, { readonly kind: Trouble; readonly until: number }>()
  private readonly saved = new Map<PeerKey, number>()
  private readonly deps: HostsDeps

  constructor(deps: HostsDeps) {
    this.deps = deps
  }

  /** Reads what earlier runs knew. */
  async load(): Promise<void> {
    for await (const [key, record] of this.deps.journal.entries('host/', hostRecord)) this.records.set(key.slice('host/'.length), record)
  }

  connected(): readonly ShardClient[] {
    return this.deps.pool.connected().map(({ client }) => client)
  }

  isConnected(key: PeerKey): boolean {
    return this.connected().some((client) => client.host === key)
  }

  /** An open client of host `key`, connecting when need be. Errors as `HostPool.get`. */
  async client(key: PeerKey, signal: AbortSignal): Promise<ShardClient> {
    return await this.deps.pool.get({ key, addresses: this.addresses(key) }, { signal })
  }

  /** Connects to a host that was found or named by somebody. Resolves to whether it worked. */
  async meet(hint: PeerHint, signal: AbortSignal): Promise<boolean> {
    const addresses = hint.addresses.length > 0 ? hint.addresses : this.addresses(hint.key)
    try {
      const client = await this.deps.pool.get({ key: hint.key, addresses }, { signal })
      this.seen(client, addresses)
      return true
    } catch (error) {
      if (isAppError(error, 'aborted')) throw error
      this.missed(hint.key)
      return false
    } finally {
      this.changed.ring()
    }
  }

  /** Hosts of earlier runs, those seen last first. */
  known(): PeerHint[] {
    return [...this.records]
      .filter(([, record]) => record.seen > 0)
      .sort(([, a], [, b]) => b.seen - a.seen)
      .slice(0, KNOWN)
      .map(([key, { addresses }]) => ({ key, addresses }))
  }

  /** Where a host was, as a link tells it; own knowledge is better. */
  learn(key: PeerKey, addresses: readonly string[]): void {
    if (!this.records.has(key)) this.records.set(key, { ...this.record(key), addresses: addresses.slice(0, ADDRESSES) })
  }

  /** Last known addresses, best first. */
  addresses(key: PeerKey): readonly string[] {
    const client = this.connected().find((one) => one.host === key)
    const told = client?.advert.addresses ?? []
    return told.length > 0 ? told : (this.records.get(key)?.addresses ?? [])
  }

  /** Connected hosts that can take shards now. */
  candidates(): Candidate[] {
    const now = this.deps.clock.now()
    return this.connected().flatMap((client) => {
      if (this.troubleOf(client.host) !== undefined) return []
      const room = client.advert.freeClass === 0 ? 0 : 2 ** client.advert.freeClass * MIB
      return [{ key: client.host, room, trust: trust(this.records.get(client.host)?.days ?? [], now) }]
    })
  }

  /** Why nobody takes shards although hosts are connected: all are full, or all refuse; `undefined` when one takes some, or none is connected. */
  allClosed(): 'full' | 'refuses' | undefined {
    const connected = this.connected()
    const full = connected.filter(({ host, advert }) => advert.freeClass === 0 || this.troubleOf(host) === 'full').length
    const refusing = connected.filter(({ host, advert }) => advert.freeClass > 0 && this.troubleOf(host) === 'refuses').length
    if (connected.length === 0 || full + refusing < connected.length) return undefined
    return full > 0 ? 'full' : 'refuses'
  }

  /** Leaves a host alone for a while when hosts are chosen. */
  cool(key: PeerKey, kind: Trouble): void {
    const now = this.deps.clock.now()
    const known = this.trouble.get(key)
    this.trouble.set(key, { kind, until: now + COOLING[kind] })
    // Said again it is no news: two lanes whose hosts are gone would wake each other for ever.
    if (known?.kind !== kind || known.until <= now) this.changed.ring()
  }

  /** A host answered that was thought to be down. */
  reached(key: PeerKey): void {
    if (this.trouble.get(key)?.kind === 'down') this.trouble.delete(key)
  }

  /** Forgets all trouble: a person asked to try again. */
  forgive(): void {
    this.trouble.clear()
    this.changed.ring()
  }

  /** A host lags behind others: the next rows are asked of it last, until it gives one or a while has passed. Who crashed looks connected for a while. */
  suspect(key: PeerKey): void {
    this.suspects.set(key, this.deps.clock.now() + SUSPECT_MS)
  }

  /** Counts what became of a request; `took` in ms. */
  note(key: PeerKey, outcome: Outcome, bytes: number, took: number): void {
    if (outcome === 'ok') this.suspects.delete(key)
    if (outcome === 'ok' && bytes >= MEASURED_BYTES) {
      const speed = (bytes * 1000) / Math.max(1, took)
      const known = this.speeds.get(key)
      this.speeds.set(key, known === undefined ? speed : known + FRESH * (speed - known))
    }
    const now = this.deps.clock.now()
    const record = this.record(key)
    this.records.set(key, { ...record, days: noteOutcome(record.days, outcome, now) })
    const last = this.saved.get(key) ?? -Infinity
    if (outcome !== 'ok' || Math.abs(now - last) >= SAVE_MS) this.save(key)
  }

  /** The order in which to ask for rows. */
  order(rows: readonly RowSource[], k: number): readonly RowSource[] {
    const connected = new Set(this.connected().map((client) => client.host))
    const now = this.deps.clock.now()
    const look = (key: PeerKey): HostView => ({
      connected: connected.has(key) && (this.suspects.get(key) ?? 0) <= now,
      speed: this.speeds.get(key),
      trust: trust(this.records.get(key)?.days ?? [], now),
    })
    return fetchOrder(rows, k, look)
  }

  /** Bytes that the connected hosts would still take. */
  room(): number {
    return this.candidates().reduce((sum, { room }) => sum + room, 0)
  }

  private troubleOf(key: PeerKey): Trouble | undefined {
    const found = this.trouble.get(key)
    if (found === undefined) return undefined
    if (found.until > this.deps.clock.now()) return found.kind
    this.trouble.delete(key)
    return undefined
  }

  private seen(client: ShardClient, dialled: readonly string[]): void {
    const addresses = client.advert.addresses.length > 0 ? client.advert.addresses : dialled
    const fitting = addresses.filter((address) => address.length <= ADDRESS_BYTES).slice(0, ADDRESSES)
    const now = this.deps.clock.now()
    this.records.set(client.host, { ...this.record(client.host), addresses: fitting, seen: now, tried: now, failures: 0 })
    this.reached(client.host)
    this.save(client.host)
  }

  private missed(key: PeerKey): void {
    if (!this.records.has(key)) return
    const record = this.record(key)
    this.records.set(key, { ...record, tried: this.deps.clock.now(), failures: record.failures + 1 })
  }

  private record(key: PeerKey): HostRecord {
    return this.records.get(key) ?? { addresses: [], seen: 0, tried: 0, failures: 0, days: [] }
  }

  /** Conduct is a help, not a promise: a disk that refuses it says so to those who must know. */
  private save(key: PeerKey): void {
    this.saved.set(key, this.deps.clock.now())
    this.deps.journal.write([put(listKey.host(hostBytes(key)), hostRecord, this.record(key))]).catch((error: unknown) => isAppError(error))
  }
}

/** A host's key as 32 bytes. */
export function hostBytes(key: PeerKey): Bytes {
  return fromHex(key)
}
