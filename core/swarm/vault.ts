import { AppError, asAppError, isAppError } from '../base/errors.ts'
import { equal, fromHex, toHex, type Bytes } from '../base/bytes.ts'
import type { ReceiptShard } from '../formats/receipt.ts'
import type { Clock } from '../ports/clock.ts'
import type { MetaChange, MetaStore } from '../ports/meta-store.ts'
import type { ShardRoot, ShardStore } from '../ports/shard-store.ts'
import { KeyedLocks } from './keyed-locks.ts'
import { EXPIRY_GRACE, SHARD_LEASES, STAGE_SECONDS, SWEEP_STEP } from './limits.ts'
import type { Verdict } from './shard-client.ts'
import { decodeHold, decodeLease, encodeHold, encodeLease, readHold } from './vault-index.ts'
import { HOLDS, holdKey, holdsOf, LEASES, leaseKey, parseHoldKey, parseLeaseKey, parseStageKey, stageKey, STAGES } from './vault-index.ts'
import type { Hold, Lease, TenantName } from './vault-index.ts'
import { asFull, Ledger, type Reservation } from './vault-ledger.ts'
import { ObjectShelf } from './vault-objects.ts'

export interface VaultOptions {
  readonly shards: ShardStore
  readonly meta: MetaStore
  readonly clock: Clock
  /** Bytes that the owner offers; `offer` changes them. */
  readonly offered: number
  /** Told of failures that nobody waits for: a file that could not be deleted (the next start tries again). */
  readonly report: (error: AppError) => void
}

/** A lease to be written: its id (16 bytes) and dates in seconds since 1970. */
export interface NewLease {
  readonly id: Bytes
  readonly issued: number
  readonly expires: number
}

/** Signs what the vault is about to promise; what it returns comes back once the promise is on disk. */
export type SignLease<T> = (shards: readonly ReceiptShard[], lease: NewLease) => Promise<T>

export interface VaultUsage {
  /** Bytes. */
  readonly offered: number
  readonly used: number
  /** What may still come in. */
  readonly free: number
  readonly tenants: number
  readonly objects: number
}

/**
 * What a host keeps for others: shards on disk, and the index of who wants them (docs/formats/vault.md). Bytes are checked by the caller.
 * Everything that resolved survives a crash; nothing is served, promised or counted before it is whole on disk.
 * Errors: `quota` `host.full`; `corrupt` `vault.damaged`; those of the stores.
 */
export class Vault {
  readonly objects: ObjectShelf
  private readonly options: VaultOptions
  private readonly ledger: Ledger
  private readonly locks = new KeyedLocks()
  private removals: Promise<void> = Promise.resolve()

  constructor(options: VaultOptions) {
    this.options = options
    this.ledger = new Ledger(options.offered, options.shards, options.clock)
    this.objects = new ObjectShelf(options.meta, this.ledger, this.locks)
  }

  /** From now on takes new things up to `offered` bytes in all; what is here stays, and is served, also when that is more. */
  offer(offered: number): void {
    this.ledger.offered = offered
  }

  /** Bytes on disk for others, and how many shards and objects. */
  get held(): { readonly bytes: number; readonly entries: number } {
    return { bytes: this.ledger.used, entries: this.ledger.held }
  }

  async usage(): Promise<VaultUsage> {
    const { offered, used, tenants, objects } = this.ledger
    return { offered, used, free: await this.ledger.room(), tenants, objects }
  }

  /** Answers an OFFER of `tenant`, entry by entry; those that it may send are counted against its room one after another. */
  async verdicts(tenant: TenantName, entries: readonly ReceiptShard[]): Promise<Verdict[]> {
    const room = await this.ledger.room(tenant)
    const verdicts: Verdict[] = []
    let offered = 0
    for (const { root, size } of entries) {
      const held = await this.holding(tenant, toHex(root))
      const wanted = held === undefined && offered + size <= room
      if (wanted) offered += size
      verdicts.push(held ?? (wanted ? 'send' : 'full'))
    }
    return verdicts
  }

  /** Whether `tenant` has a shard here, whole as far as the disk knows. */
  async holding(tenant: TenantName, root: ShardRoot): Promise<'staged' | 'leased' | undefined> {
    const hold = await readHold(this.options.meta, root, tenant)
    if (hold === undefined || !(await this.isOnDisk(root, hold.size))) return undefined
    return hold.leases.length > 0 ? 'leased' : 'staged'
  }

  /** Takes room for a shard on its way in. Throws `quota` `host.full`. */
  reserve(tenant: TenantName, size: number): Promise<Reservation> {
    return this.ledger.reserve(tenant, size)
  }

  /** Keeps a shard, staged for `tenant`. Its bytes were hashed; room was reserved. Bytes are flushed before the index names them. */
  put(tenant: TenantName, root: ShardRoot, bytes: Bytes): Promise<void> {
    return this.locks.hold([root], async () => {
      const hold = await readHold(this.options.meta, root, tenant)
      if (hold !== undefined && (await this.isOnDisk(root, hold.size))) {
        this.options.report(new AppError('transient', 'shard.sent-twice', 'a client sent a shard that it has here', { data: { root } }))
      }
      await this.write(root, bytes)
      if (hold !== undefined && hold.leases.length > 0) return
      const staged = this.now() + STAGE_SECONDS
      const changes: MetaChange[] = [
        { put: holdKey(root, tenant), value: encodeHold({ size: bytes.length, staged, leases: [] }) },
        { put: stageKey(staged, root, tenant), value: new Uint8Array() },
      ]
      if (hold?.staged !== undefined && hold.staged !== staged) changes.push({ del: stageKey(hold.staged, root, tenant) })
      try {
        await this.options.meta.batch(changes)
      } catch (error) {
        this.removeLater([root])
        throw asFull(error)
      }
      if (hold === undefined) this.ledger.book(tenant, { bytes: bytes.length, staged: bytes.length, shards: 1 })
    })
  }

  /**
   * Turns shards that `tenant` has here into a lease, flushed before it resolves. Throws `absent` `shard.absent` when one of them is not
   * here for this tenant; `quota` `lease.too-many`.
   */
  commit<T>(tenant: TenantName, roots: readonly ShardRoot[], lease: NewLease, sign: SignLease<T>): Promise<T> {
    const { meta } = this.options
    return this.locks.hold(roots, async () => {
      const shards: ReceiptShard[] = []
      const changes: MetaChange[] = []
      let staged = 0
      for (const root of roots) {
        const hold = await readHold(meta, root, tenant)
        if (hold === undefined || !(await this.isOnDisk(root, hold.size))) {
          throw new AppError('absent', 'shard.absent', `shard ${root.slice(0, 16)} is not here for this tenant`)
        }
        if (hold.leases.length >= SHARD_LEASES) throw new AppError('quota', 'lease.too-many', 'too many leases on one shard')
        shards.push({ root: fromHex(root), size: hold.size })
        changes.push({ put: holdKey(root, tenant), value: encodeHold({ size: hold.size, leases: [...hold.leases, lease.id] }) })
        if (hold.staged === undefined) continue
        changes.push({ del: stageKey(hold.staged, root, tenant) })
        staged += hold.size
      }
      const { id, issued, expires } = lease
      changes.push({ put: leaseKey(id), value: encodeLease({ tenant: fromHex(tenant), issued, expires, shards }) })
      const signed = await sign(shards, lease)
      await this.batch(changes)
      this.ledger.book(tenant, { staged: -staged })
      return signed
    })
  }

  /** New dates for a lease of `tenant`, flushed before it resolves. Throws `absent` `lease.absent`. */
  renew<T>(tenant: TenantName, lease: NewLease, sign: SignLease<T>): Promise<T> {
    return this.locks.hold([leaseKey(lease.id)], async () => {
      const before = await this.lease(tenant, lease.id)
      if (before === undefined) throw new AppError('absent', 'lease.absent', 'no such lease')
      const signed = await sign(before.shards, lease)
      await this.batch([{ put: leaseKey(lease.id), value: encodeLease({ ...before, issued: lease.issued, expires: lease.expires }) }])
      return signed
    })
  }

  /** Gives up `roots` of a lease, or all of it when there are none. The bytes go later, in the background; what is not there is done already. */
  release(tenant: TenantName, id: Bytes, roots: readonly ShardRoot[]): Promise<void> {
    return this.locks.hold([leaseKey(id)], async () => {
      const lease = await this.lease(tenant, id)
      if (lease === undefined) return
      const wanted = new Set(roots)
      const gone = lease.shards.filter(({ root }) => wanted.size === 0 || wanted.has(toHex(root)))
      if (gone.length > 0) await this.drop(tenant, id, lease, gone)
    })
  }

  /**
   * A whole shard, whoever asks. Throws `absent` `shard.absent`; `corrupt` `shard.damaged` when its file is damaged, or gone although it was promised.
   */
  async get(root: ShardRoot): Promise<Bytes> {
    try {
      return await this.options.shards.get(root)
    } catch (error) {
      if (isAppError(error, 'absent') && (await this.isHeld(root))) {
        throw new AppError('corrupt', 'shard.damaged', 'the shard was lost', { cause: error })
      }
      throw error
    }
  }

  /** Books what is there, deletes shards that nobody holds (a crash left them), forgets what expired. To be called once, before anything else. */
  async load(): Promise<void> {
    const held = new Set<ShardRoot>()
    for await (const [key, value] of this.options.meta.range(HOLDS)) {
      const { root, tenant } = parseHoldKey(key)
      const { size, staged } = decodeHold(value)
      held.add(root)
      this.ledger.book(tenant, { bytes: size, staged: staged === undefined ? 0 : size, shards: 1 })
    }
    await this.objects.load()
    for await (const { root, size } of this.options.shards.list()) {
      this.ledger.bookDisk(size)
      if (!held.has(root)) this.removeLater([root])
    }
    await this.sweep()
  }

  /** Forgets stages, leases and objects that have ended. */
  async sweep(): Promise<void> {
    const now = this.now()
    const stages: { ends: number; root: ShardRoot; tenant: TenantName }[] = []
    for await (const [key] of this.options.meta.range(STAGES)) {
      const stage = parseStageKey(key)
      if (stage.ends > now) break
      stages.push(stage)
    }
    for (const { ends, root, tenant } of stages) await this.unstage(ends, root, tenant)
    const leases: { id: Bytes; tenant: TenantName }[] = []
    for await (const [key, value] of this.options.meta.range(LEASES)) {
      const { expires, tenant } = decodeLease(value)
      if (expires + EXPIRY_GRACE < now) leases.push({ id: parseLeaseKey(key), tenant: toHex(tenant) })
    }
    for (const { id, tenant } of leases) await this.release(tenant, id, [])
    await this.objects.sweep(now - EXPIRY_GRACE)
    await this.removals
  }

  /** Sweeps every hour until `signal` fires. Failures are reported, and tried again. */
  async tend(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.options.clock.sleep(SWEEP_STEP, signal)
      } catch {
        return
      }
      try {
        await this.sweep()
      } catch (error) {
        this.options.report(asAppError(error))
      }
    }
  }

  /** Resolves once all changes under way are whole on disk, and all files that were to be deleted are. */
  async settled(): Promise<void> {
    await this.locks.idle()
    await this.removals
  }

  private now(): number {
    return Math.floor(this.options.clock.now() / 1000)
  }

  private async lease(tenant: TenantName, id: Bytes): Promise<Lease | undefined> {
    const value = await this.options.meta.get(leaseKey(id))
    const lease = value === undefined ? undefined : decodeLease(value)
    // Somebody else's lease is, for this tenant, not there.
    return lease !== undefined && toHex(lease.tenant) === tenant ? lease : undefined
  }

  /** Takes `gone` out of a lease and deletes what nobody holds any more. The caller holds the lease's lock. */
  private async drop(tenant: TenantName, id: Bytes, lease: Lease, gone: readonly ReceiptShard[]): Promise<void> {
    const roots = gone.map(({ root }) => toHex(root))
    await this.locks.hold(roots, async () => {
      const left = lease.shards.filter((shard) => !gone.includes(shard))
      const changes: MetaChange[] = [left.length === 0 ? { del: leaseKey(id) } : { put: leaseKey(id), value: encodeLease({ ...lease, shards: left }) }]
      const freed = { bytes: 0, shards: 0 }
      for (const root of roots) {
        const hold = await readHold(this.options.meta, root, tenant)
        if (hold === undefined) continue
        const after = { ...hold, leases: hold.leases.filter((other) => !equal(other, id)) }
        changes.push(rewrite(root, tenant, after))
        if (!isEmpty(after)) continue
        freed.bytes -= hold.size
        freed.shards--
      }
      await this.batch(changes)
      this.ledger.book(tenant, freed)
      this.removeLater(roots)
    })
  }

  private unstage(ends: number, root: ShardRoot, tenant: TenantName): Promise<void> {
    return this.locks.hold([root], async () => {
      const hold = await readHold(this.options.meta, root, tenant)
      const changes: MetaChange[] = [{ del: stageKey(ends, root, tenant) }]
      if (hold?.staged !== ends) return this.batch(changes)
      const after = { ...hold, staged: undefined }
      await this.batch([...changes, rewrite(root, tenant, after)])
      this.ledger.book(tenant, { staged: -hold.size, ...(isEmpty(after) ? { bytes: -hold.size, shards: -1 } : {}) })
      this.removeLater([root])
    })
  }

  /** Writes a shard, unless the very same bytes are there already: a damaged file is replaced. The caller holds the root's lock. */
  private async write(root: ShardRoot, bytes: Bytes): Promise<void> {
    const { shards } = this.options
    try {
      const before = await shards.size(root)
      if (before !== undefined) {
        if (await this.isIntact(root, bytes)) return
        await shards.delete(root)
        this.ledger.bookDisk(-before)
      }
      await shards.put(root, bytes)
    } catch (error) {
      throw asFull(error)
    }
    this.ledger.bookDisk(bytes.length)
  }

  private async isIntact(root: ShardRoot, bytes: Bytes): Promise<boolean> {
    try {
      return equal(await this.options.shards.get(root), bytes)
    } catch (error) {
      if (isAppError(error, 'corrupt')) return false
      throw error
    }
  }

  /** The index of the store names files that may have vanished since; reading nothing of one still says whether it is there, and whole. */
  private async isOnDisk(root: ShardRoot, size: number): Promise<boolean> {
    const { shards } = this.options
    if ((await shards.size(root)) !== size) return false
    try {
      await shards.get(root, { offset: 0, length: 0 })
      return true
    } catch (error) {
      if (isAppError(error, 'corrupt') || isAppError(error, 'absent')) return false
      throw error
    }
  }

  private async isHeld(root: ShardRoot): Promise<boolean> {
    const entries = this.options.meta.range(holdsOf(root))[Symbol.asyncIterator]()
    const first = await entries.next()
    await entries.return?.()
    return first.done !== true
  }

  /** Deletes a shard unless somebody holds it. The caller holds the root's lock. */
  private async remove(root: ShardRoot): Promise<void> {
    if (await this.isHeld(root)) return
    const size = await this.options.shards.size(root)
    if (size === undefined) return
    await this.options.shards.delete(root)
    this.ledger.bookDisk(-size)
  }

  /** One after another: freeing space must not crowd out those who store. */
  private removeLater(roots: readonly ShardRoot[]): void {
    this.removals = this.removals.then(async () => {
      for (const root of roots) {
        try {
          await this.locks.hold([root], () => this.remove(root))
        } catch (error) {
          this.options.report(asAppError(error))
        }
      }
    })
  }

  private async batch(changes: readonly MetaChange[]): Promise<void> {
    try {
      await this.options.meta.batch(changes, { strict: true })
    } catch (error) {
      throw asFull(error)
    }
  }
}

/** Opens the vault over what the stores hold from before. */
export async function openVault(options: VaultOptions): Promise<Vault> {
  const vault = new Vault(options)
  await vault.load()
  return vault
}

function isEmpty(hold: Hold): boolean {
  return hold.staged === undefined && hold.leases.length === 0
}

function rewrite(root: ShardRoot, tenant: TenantName, hold: Hold): MetaChange {
  return isEmpty(hold) ? { del: holdKey(root, tenant) } : { put: holdKey(root, tenant), value: encodeHold(hold) }
}
