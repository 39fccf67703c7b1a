import { AppError, asAppError } from '../base/errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { ShardStore } from '../ports/shard-store.ts'
import { DISK_RESERVE, LEAST_COUNTED, STAGED_BYTES, TENANT_OBJECTS, TENANT_PART } from './limits.ts'
import type { TenantName } from './vault-index.ts'

/** How long the disk's own word on its free space is believed, in ms: asking costs a system call, and others fill a disk slowly. */
const ROOM_AGE = 2000

/** What one tenant has here. */
interface Account {
  /** Bytes of its shards (each counted once) and objects. */
  bytes: number
  /** Bytes of those that are staged. */
  staged: number
  /** Bytes on their way in. */
  coming: number
  shards: number
  objects: number
}

const NOTHING: Readonly<Account> = { bytes: 0, staged: 0, coming: 0, shards: 0, objects: 0 }

/** Free bytes, as the disk said at `at`, less what was written since. */
interface Disk {
  free: number
  readonly at: number
}

/** Room that is taken for bytes on their way in. */
export interface Reservation {
  /** Gives the room back: the bytes were booked, or never came. */
  release(): void
}

/** Who uses how much of a host, and whether more may come in (shard.md 6). In memory only; rebuilt from the index at start. */
export class Ledger {
  /** Bytes on disk: shards, each once, and objects. */
  used = 0
  /** Bytes that the owner offers. */
  offered: number
  private coming = 0
  /** Shards and objects of all tenants. */
  private entries = 0
  private readonly accounts = new Map<TenantName, Account>()
  private readonly shards: ShardStore
  private readonly clock: Clock
  private disk: Disk | undefined

  constructor(offered: number, shards: ShardStore, clock: Clock) {
    this.offered = offered
    this.shards = shards
    this.clock = clock
  }

  /** Books what a tenant has gained; negative for what it lost. */
  book(tenant: TenantName, change: { bytes?: number; staged?: number; shards?: number; objects?: number }): void {
    const account = this.account(tenant)
    account.bytes += change.bytes ?? 0
    account.staged += change.staged ?? 0
    account.shards += change.shards ?? 0
    account.objects += change.objects ?? 0
    this.entries += (change.shards ?? 0) + (change.objects ?? 0)
    if (account.bytes === 0 && account.objects === 0 && account.coming === 0) this.accounts.delete(tenant)
  }

  /** Books bytes that came to the disk, or left it. */
  bookDisk(bytes: number): void {
    this.used += bytes
    if (this.disk !== undefined) this.disk.free -= bytes
  }

  /** Shards and objects, of all tenants. */
  get held(): number {
    return this.entries
  }

  get tenants(): number {
    return this.accounts.size
  }

  get objects(): number {
    let sum = 0
    for (const account of this.accounts.values()) sum += account.objects
    return sum
  }

  /** Bytes that may still come in, from anybody; with `tenant`, from that one. */
  async room(tenant?: TenantName): Promise<number> {
    return this.roomOn(await this.freeDisk(), tenant)
  }

  /** Takes room for `size` bytes of `tenant`. Throws `quota` `host.full`. */
  async reserve(tenant: TenantName, size: number): Promise<Reservation> {
    const disk = await this.freeDisk()
    // From here to the booking without a pause: of two that come at once, the second sees the first.
    if (this.roomOn(disk, tenant) < size) throw new AppError('quota', 'host.full', 'this host has no room for it')
    const account = this.account(tenant)
    account.coming += size
    this.coming += size
    let held = true
    return {
      release: () => {
        if (!held) return
        held = false
        this.coming -= size
        account.coming -= size
        this.book(tenant, {})
      },
    }
  }

  /** Throws `quota` `host.full` when `tenant` may keep no further object. */
  checkObjects(tenant: TenantName): void {
    if ((this.accounts.get(tenant) ?? NOTHING).objects >= TENANT_OBJECTS) throw new AppError('quota', 'host.full', 'too many objects')
  }

  private async freeDisk(): Promise<Disk> {
    const now = this.clock.now()
    if (this.disk === undefined || Math.abs(now - this.disk.at) > ROOM_AGE) this.disk = { free: (await this.shards.room()).free, at: now }
    return this.disk
  }

  private roomOn(disk: Disk, tenant: TenantName | undefined): number {
    const host = Math.min(this.offered - counted(this.used, this.entries), disk.free - DISK_RESERVE) - this.coming
    if (tenant === undefined) return Math.max(0, host)
    // Who only asks gets no account: keys cost nothing, memory does.
    const { bytes, staged, coming, shards, objects } = this.accounts.get(tenant) ?? NOTHING
    const own = counted(bytes, shards + objects)
    return Math.max(0, Math.min(host, this.offered * TENANT_PART - own - coming, STAGED_BYTES - staged - coming))
  }

  private account(tenant: TenantName): Account {
    let account = this.accounts.get(tenant)
    if (account === undefined) this.accounts.set(tenant, (account = { ...NOTHING }))
    return account
  }
}

function counted(bytes: number, entries: number): number {
  return Math.max(bytes, entries * LEAST_COUNTED)
}

/** A full disk is, for who stores here, a full host. */
export function asFull(error: unknown): AppError {
  const app = asAppError(error)
  return app.kind === 'quota' ? new AppError('quota', 'host.full', 'the disk of this host is full', { cause: app }) : app
}
