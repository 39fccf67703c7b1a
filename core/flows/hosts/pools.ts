import { fromHex, toHex, type Bytes } from '../../base/bytes.ts'
import { AppError } from '../../base/errors.ts'
import { tenantSeed, type DeviceKeys } from '../../account/keys.ts'
import type { PeerHint } from '../../ports/network.ts'
import { keyFromSeed } from '../../seal/ed25519.ts'
import { HostPool } from '../../swarm/host-pool.ts'
import type { ShardClient } from '../../swarm/shard-client.ts'
import type { ReaderDeps } from '../deps.ts'
import type { Secrets } from '../list/secrets.ts'

/** Connections to hosts: as the tenant of the own secret, and, to release what was restored from elsewhere, as tenants of other secrets. */
export class Pools {
  readonly own: HostPool
  private readonly others = new Map<string, HostPool>()
  private readonly deps: ReaderDeps
  private readonly secrets: Secrets

  constructor(deps: ReaderDeps, secrets: Secrets, changed: () => void) {
    this.deps = deps
    this.secrets = secrets
    this.own = makePool(deps, () => secrets.ownKeys(), changed)
  }

  /** A client of a host as the tenant under `secret`. Throws `invalid` `secret.unknown`; as `HostPool.get`. */
  async client(secret: Bytes, hint: PeerHint, signal: AbortSignal): Promise<ShardClient> {
    if (this.secrets.isOwn(secret)) return await this.own.get(hint, { signal })
    const keys = this.secrets.keysOf(secret)
    if (keys === undefined) throw new AppError('invalid', 'secret.unknown', 'a secret that is not on this device')
    const name = toHex(secret)
    const pool = this.others.get(name) ?? makePool(this.deps, () => keys, () => undefined)
    this.others.set(name, pool)
    return await pool.get(hint, { signal })
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.own, ...this.others.values()].map((pool) => pool.close()))
  }
}

/** A pool whose tenants derive from `keys`; a mere reader's while there are none. */
export function makePool(deps: ReaderDeps, keys: () => DeviceKeys | undefined, changed: () => void): HostPool {
  const { network, clock, random, blake3, signatures } = deps
  return new HostPool({
    network,
    clock,
    random,
    blake3,
    signatures,
    changed,
    tenantFor: async (host) => {
      const own = keys()
      if (own === undefined) return undefined
      const seed = await tenantSeed(own.tenantSecret, fromHex(host))
      return { seed, key: keyFromSeed(seed) }
    },
  })
}
