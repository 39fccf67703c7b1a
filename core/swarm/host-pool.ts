import { AppError, asAppError, throwIfAborted } from '../base/errors.ts'
import type { Blake3 } from '../merkle/blake3.ts'
import type { Clock, Random } from '../ports/clock.ts'
import type { Network, PeerHint, PeerKey } from '../ports/network.ts'
import { openShardClient } from './client.ts'
import { BACKOFF_FIRST, BACKOFF_LAST, KNOWN_HOSTS, MAX_HOSTS, PROVEN_TIME, SHARD_PROTOCOL } from './limits.ts'
import type { ShardClient, Signatures, Tenant } from './shard-client.ts'

export interface HostPoolOptions {
  readonly network: Pick<Network, 'open' | 'self'>
  readonly clock: Clock
  readonly random: Random
  readonly blake3: Blake3
  readonly signatures: Signatures
  /** The tenant to be at a host; none to be a mere reader. */
  readonly tenantFor: (host: PeerKey) => Promise<Tenant | undefined>
  /** Called after every change of `connected()`. */
  readonly changed?: () => void
}

/** What is known of one host. */
interface Known {
  hint: PeerHint
  client?: ShardClient
  opening?: Opening
  /** Failures in a row, and when it may be tried again, ms since 1970. */
  failures: number
  retryAt: number
  lastError?: AppError
  opened: number
  used: number
}

interface Opening {
  readonly control: AbortController
  readonly result: Promise<ShardClient>
  waiting: number
  done: boolean
}

/** One `ShardClient` per host, opened when first wanted, shared by all who want it, and opened again after a loss. */
export class HostPool {
  private readonly options: HostPoolOptions
  private readonly hosts = new Map<PeerKey, Known>()
  private turn = 0
  private closed = false

  constructor(options: HostPoolOptions) {
    this.options = options
  }

  /**
   * The client of a host. Throws what `Network.open` and `openShardClient` throw; `transient` `host.resting` at once, with the last failure as
   * cause and `retryIn` (ms) as data, while a host that failed is left alone; `transient` `host.self` for this peer's own key; `transient` `hosts.busy` when all `MAX_HOSTS` streams are in use; `aborted`.
   */
  async get(hint: PeerHint, options: { signal?: AbortSignal } = {}): Promise<ShardClient> {
    throwIfAborted(options.signal)
    if (this.closed) throw new AppError('aborted', 'pool.closed', 'the pool is closed')
    // A peer that hosts for others is no second place for what it stores itself.
    if (hint.key === this.options.network.self) throw new AppError('transient', 'host.self', 'this peer is no host to itself')
    const host = this.know(hint)
    host.used = ++this.turn
    if (host.client !== undefined) return host.client
    // One that all have given up takes a moment to end; who comes then must not be told that it was cancelled.
    if (host.opening === undefined || host.opening.control.signal.aborted) {
      this.checkRest(host)
      this.makeRoom()
      host.opening = this.begin(host)
    }
    return this.wait(host.opening, options.signal)
  }

  /** Hosts with an open stream; what they say of themselves is `client.advert`. */
  connected(): { readonly hint: PeerHint; readonly client: ShardClient }[] {
    const found = []
    for (const { hint, client } of this.hosts.values()) if (client !== undefined) found.push({ hint, client })
    return found
  }

  /** Ends all streams; `get` rejects from now on. */
  async close(): Promise<void> {
    this.closed = true
    const ends: Promise<unknown>[] = []
    for (const { client, opening } of this.hosts.values()) {
      opening?.control.abort()
      if (opening !== undefined) ends.push(opening.result.catch(() => undefined))
      if (client !== undefined) ends.push(client.close())
    }
    await Promise.all(ends)
  }

  private know(hint: PeerHint): Known {
    const known = this.hosts.get(hint.key)
    if (known !== undefined) {
      if (hint.addresses.length > 0) known.hint = hint
      return known
    }
    if (this.hosts.size >= KNOWN_HOSTS) this.forgetOldest()
    const fresh = { hint, failures: 0, retryAt: 0, opened: 0, used: 0 }
    this.hosts.set(hint.key, fresh)
    return fresh
  }

  private forgetOldest(): void {
    for (const [key, { client, opening }] of this.hosts) {
      if (client !== undefined || opening !== undefined) continue
      this.hosts.delete(key)
      return
    }
  }

  private checkRest(host: Known): void {
    const retryIn = host.retryAt - this.options.clock.now()
    // A clock that jumped must not lock a host out for longer than any rest.
    if (retryIn <= 0 || retryIn > BACKOFF_LAST) return
    throw new AppError('transient', 'host.resting', 'the host failed a moment ago', { data: { retryIn }, cause: host.lastError })
  }

  /** Keeps the number of streams down: the one that was not wanted for longest goes, if nothing runs on it. */
  private makeRoom(): void {
    const busy = [...this.hosts.values()].filter(({ client, opening }) => client !== undefined || opening !== undefined)
    if (busy.length < MAX_HOSTS) return
    const idle = busy.filter(({ client }) => client?.open === 0).sort((a, b) => a.used - b.used)[0]
    if (idle?.client === undefined) throw new AppError('transient', 'hosts.busy', 'too many hosts are in use at once')
    void idle.client.close()
    delete idle.client
  }

  private begin(host: Known): Opening {
    const control = new AbortController()
    const result = this.open(host, control.signal)
    const opening = { control, result, waiting: 0, done: false }
    const ended = () => (opening.done = true)
    result.then(ended, ended)
    return opening
  }

  private async open(host: Known, signal: AbortSignal): Promise<ShardClient> {
    const { network, clock, blake3, signatures } = this.options
    const { key } = host.hint
    try {
      const tenant = await this.options.tenantFor(key)
      const stream = await network.open(host.hint, SHARD_PROTOCOL, { signal })
      const base = { hostKey: key, selfKey: network.self, clock, blake3, signatures, signal }
      const client = await openShardClient(stream, tenant === undefined ? base : { ...base, tenant })
      host.client = client
      host.opened = clock.now()
      void this.follow(host, client)
      return client
    } catch (thrown) {
      const error = asAppError(thrown, 'transient', 'peer.unreachable')
      if (error.kind !== 'aborted') this.rest(host, error)
      throw error
    } finally {
      if (host.opening?.control.signal === signal) delete host.opening
      this.options.changed?.()
    }
  }

  private async follow(host: Known, client: ShardClient): Promise<void> {
    const error = await client.closed
    const lasted = this.options.clock.now() - host.opened
    if (lasted >= PROVEN_TIME) host.failures = 0
    else if (error !== undefined) this.rest(host, error)
    if (host.client === client) delete host.client
    this.options.changed?.()
  }

  private rest(host: Known, error: AppError): void {
    const wait = Math.min(BACKOFF_LAST, BACKOFF_FIRST * 2 ** host.failures)
    host.failures++
    host.lastError = error
    // Up to half of it at random, so that clients do not come back in step.
    host.retryAt = this.options.clock.now() + wait * (0.5 + this.options.random.unit() / 2)
  }

  /** Waits with the others; the last one that gives up stops the opening. */
  private async wait(opening: Opening, signal: AbortSignal | undefined): Promise<ShardClient> {
    if (signal === undefined) {
      opening.waiting = Infinity
      return opening.result
    }
    opening.waiting++
    const given = new AbortController()
    const cancelled = new Promise<never>((_, reject) => {
      const stop = () => reject(new AppError('aborted', 'aborted', 'cancelled', { cause: signal.reason }))
      signal.addEventListener('abort', stop, { once: true, signal: given.signal })
    })
    try {
      return await Promise.race([opening.result, cancelled])
    } finally {
      given.abort()
      if (--opening.waiting === 0 && !opening.done) opening.control.abort()
    }
  }
}
