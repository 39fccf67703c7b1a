import { asAppError, type AppError } from '../base/errors.ts'
import type { Redundancy } from '../ports/coder.ts'
import { Copies } from './cache/copies.ts'
import { Shelves } from './cache/shelf.ts'
import type { StorageDeps } from './deps.ts'
import { Fetcher } from './fetch/reader.ts'
import { Hosts } from './hosts/hosts.ts'
import { Pools } from './hosts/pools.ts'
import { Search } from './hosts/search.ts'
import { Journal } from './journal.ts'
import { Publisher } from './link/publisher.ts'
import { fetchDeps, LinkReader } from './link/reader.ts'
import { HealthKeeper } from './list/health.ts'
import type { FileEntry } from './list/entry.ts'
import { Prover } from './list/prover.ts'
import { Secrets } from './list/secrets.ts'
import { Table } from './list/table.ts'
import { Mutex } from './mutex.ts'
import { Alive } from './store/alive.ts'
import type { Chunk } from './store/chunk.ts'
import { Cutter } from './store/cutter.ts'
import { Finisher, type FinisherDeps } from './store/finisher.ts'
import { Intake, type IntakeDeps } from './store/intake.ts'
import { Keeper } from './store/keeper.ts'
import { Outbox } from './store/outbox.ts'
import { Packer } from './store/packer.ts'
import { Releaser, type ReleaserDeps } from './store/releaser.ts'
import { Shipper, type ShipperDeps } from './store/shipper.ts'
import { Tally } from './store/tally.ts'

/** Whom the parts tell what happened. */
export interface Owner {
  readonly redundancy: Redundancy
  changed(): void
  recorded(file: FileEntry): void
  leased(chunk: Chunk): void
  orphaned(): void
  failed(file: FileEntry, error: AppError): void
}

/** What a `Storage` is made of. */
export interface Parts {
  readonly journal: Journal
  readonly secrets: Secrets
  readonly table: Table
  readonly hosts: Hosts
  readonly search: Search
  readonly outbox: Outbox
  readonly tally: Tally
  readonly shipper: Shipper
  readonly intake: Intake
  readonly finisher: Finisher
  readonly releaser: Releaser
  readonly health: HealthKeeper
  readonly prover: Prover
  readonly fetcher: Fetcher
  readonly links: LinkReader
  readonly cache: Cache | undefined
  close(): Promise<void>
}

/** Copies of contents on this device. */
export interface Cache {
  readonly copies: Copies
  readonly shelves: Shelves
}

/** Joins the parts of a storage to each other. */
export function makeParts(deps: StorageDeps, storage: Owner): Parts {
  const { network, clock, blake3, coder, meta } = deps
  const { redundancy } = storage
  const journal = new Journal(meta)
  const secrets = new Secrets({ ...deps, journal })
  const table = new Table({ ...deps, journal, secrets })
  const pools = new Pools(deps, secrets, () => { hosts.changed.ring(); storage.changed() })
  const hosts = new Hosts({ pool: pools.own, journal, clock })
  const search = new Search({ network, hosts, clock })
  const outbox = new Outbox(deps.shards)
  const references = new Mutex()
  const changed = (): void => { storage.changed() }
  const failed: ShipperDeps['failed'] = (file, error) => { storage.failed(file, error) }
  const recorded: IntakeDeps['recorded'] = (file) => { storage.recorded(file) }
  const keysOf: FinisherDeps['keysOf'] = (file) => secrets.keysOf(file.record.secret)
  const orphaned = (): void => { storage.orphaned() }
  const shipper = new Shipper({ hosts, search, outbox, journal, clock, changed, failed, leased: (chunk) => { storage.leased(chunk) }, orphaned })
  const alive = new Alive({ hosts, search, clock })
  const tally = new Tally()
  const cache = makeCache(deps, changed)
  const keeper = new Keeper({ journal, outbox, shipper, alive, tally, blake3, references, now: () => clock.now(), shelf: cache?.shelves.passing, fileOf: (id) => table.files.get(id), recorded })
  const cutter = new Cutter({ coder, keeper, outbox, redundancy })
  const packer = new Packer({ coder, keeper, outbox, redundancy, failed: ({ file }, error) => { storage.failed(file, asAppError(error, 'transient', 'file.unreadable')) } })
  const intake = new Intake({ coder, cutter, packer, journal, clock, keysOf, recorded, failed })
  const clientFor: ReleaserDeps['clientFor'] = (secret, host, signal) => pools.client(secret, { key: host, addresses: hosts.addresses(host) }, signal)
  const publisher = new Publisher({ journal, hosts, search, records: deps.records, blake3, clock, references, clientFor, orphaned, wanted: redundancy.n })
  const finisher = new Finisher({ publisher, table, hosts, clock, keysOf, changed, failed })
  const releaser = new Releaser({ journal, meta, shipper, table, hosts, publisher, references, clock, clientFor })
  const health = new HealthKeeper({ journal, table, references, clock, changed })
  const prover = new Prover({ journal, table, hosts, references, clock, changed, clientFor })
  const fetching = fetchDeps(deps, hosts, (view, row) => { health.note(view, row) })
  const fetcher = new Fetcher(fetching)
  const links = new LinkReader({ ...deps, hosts, search, fetcher, getShard: fetching.getShard, shelves: cache?.shelves })
  return { journal, secrets, table, hosts, search, outbox, tally, shipper, intake, finisher, releaser, health, prover, fetcher, links, cache, close: () => pools.close() }
}

function makeCache({ copies: stores, blake3, report = () => undefined }: StorageDeps, changed: () => void): Cache | undefined {
  if (stores === undefined) return undefined
  const copies = new Copies({ ...stores, changed, report })
  return { copies, shelves: new Shelves({ copies, blake3, report }) }
}
