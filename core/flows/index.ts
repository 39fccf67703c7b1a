import { asAppError } from '../base/errors.ts'
import type { ReaderDeps, StorageDeps } from './deps.ts'
import { Fetcher, type FileReader } from './fetch/reader.ts'
import { Hosts } from './hosts/hosts.ts'
import { makePool } from './hosts/pools.ts'
import { Search } from './hosts/search.ts'
import { Journal } from './journal.ts'
import { fetchDeps, LinkReader, type LinkView } from './link/reader.ts'
import { makeParts } from './parts.ts'
import { Storage } from './storage.ts'

export type { ReaderDeps, StorageDeps } from './deps.ts'
export type { FileReader } from './fetch/reader.ts'
export type { LinkView } from './link/reader.ts'
export type { FileRow, FileStatus, Note } from './list/status.ts'
export type { FileToStore, SourceFile } from './list/table.ts'
export type { StorageSnapshot, StorageTotals } from './list/overview.ts'
export type { Storage } from './storage.ts'

/** The storage of one device, at work: the list was read, and what earlier runs left goes on. Errors of the stores. */
export async function createStorage(deps: StorageDeps): Promise<Storage> {
  const storage = new Storage(deps, (self) => makeParts(deps, self))
  await storage.start()
  return storage
}

/** Opens links and keeps nothing: for a browser that must not, or may not, store. */
export interface Reader {
  /** As `Storage.openLink`. */
  openLink(seed: string, options?: { signal?: AbortSignal }): Promise<LinkView>
  /** As `Storage.linkReader`. */
  linkReader(seed: string, options?: { signal?: AbortSignal }): Promise<FileReader>
  /** Hosts that are connected. */
  hosts(): number
  stop(): Promise<void>
}

/** A reader, at work. */
export function createReader(deps: ReaderDeps): Reader {
  const stopped = new AbortController()
  const pool = makePool(deps, () => undefined, () => { hosts.changed.ring() })
  const hosts = new Hosts({ pool, journal: new Journal(forgetful), clock: deps.clock })
  const search = new Search({ network: deps.network, hosts, clock: deps.clock })
  const fetching = fetchDeps(deps, hosts, () => undefined)
  const links = new LinkReader({ ...deps, hosts, search, fetcher: new Fetcher(fetching), getShard: fetching.getShard })
  const searching = search.run(stopped.signal).catch((error: unknown) => deps.report?.(asAppError(error)))
  const until = (signal: AbortSignal | undefined): AbortSignal => (signal === undefined ? stopped.signal : AbortSignal.any([signal, stopped.signal]))
  return {
    openLink: (seed, options) => links.view(seed, until(options?.signal)),
    linkReader: (seed, options) => links.reader(seed, until(options?.signal)),
    hosts: () => hosts.connected().length,
    async stop() {
      stopped.abort()
      await searching
      await pool.close()
    },
  }
}

/** A `MetaStore` that keeps nothing. */
const forgetful = {
  get: () => Promise.resolve(undefined),
  batch: () => Promise.resolve(),
  async *range(): AsyncIterable<never> {
    await Promise.resolve()
    yield* []
  },
  close: () => Promise.resolve(),
}
