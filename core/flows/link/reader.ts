import { fromHex, toBase64Url, toHex, type Bytes } from '../../base/bytes.ts'
import { isAppError } from '../../base/errors.ts'
import { parseLink } from '../../formats/link.ts'
import type { ShareObject } from '../../formats/share.ts'
import type { Shelf, Shelves } from '../cache/shelf.ts'
import type { ReaderDeps } from '../deps.ts'
import { sharedReader } from '../fetch/files.ts'
import type { Fetcher, FetchDeps, FileReader, GetShard, ReadOptions } from '../fetch/reader.ts'
import type { Hosts } from '../hosts/hosts.ts'
import type { Search } from '../hosts/search.ts'
import { openCopy, openLink, type OpenedShare } from './open.ts'

/** An opened link is used again this long, in ms: the view and the download of one visit look it up once. */
const FRESH_MS = 60_000
/** Opened links kept. */
const KEPT = 16

/** What a link shows before anything is downloaded. */
export interface LinkView {
  readonly name: string
  readonly type: string
  readonly size: number
  readonly modified: number
}

export interface LinkParts extends Pick<ReaderDeps, 'records' | 'blake3' | 'clock'> {
  readonly hosts: Hosts
  readonly search: Search
  readonly fetcher: Fetcher
  readonly getShard: GetShard
  /** Copies on this device, of files of the own drive. */
  readonly shelves?: Shelves | undefined
}

/** Opens links and reads their files. */
export class LinkReader {
  private readonly opened = new Map<string, OpenedShare & { readonly at: number }>()
  private readonly parts: LinkParts

  constructor(parts: LinkParts) {
    this.parts = parts
  }

  /** Looks a link up by its seed (43 characters). Errors: `invalid` `link.damaged`; those of `openLink`. */
  async view(seed: string, signal: AbortSignal): Promise<LinkView> {
    const { name, type, size, modified } = await this.share(seed, signal)
    return { name, type, size, modified }
  }

  /** Reads the file of a link. Errors as `view`. */
  async reader(seed: string, signal: AbortSignal): Promise<FileReader> {
    return this.readerOf(await this.share(seed, signal))
  }

  /**
   * As `FileReader.read`, of a file of the own drive that another device stored: from copies on this device, and from hosts what these do not have. A share object that
   * was kept may name hosts of before, so when reading by it fails, the link is looked up. Errors: those of `read` and `openLink`.
   */
  async *read(seed: Bytes, offset: number, length: number, options: ReadOptions & { readonly signal: AbortSignal }): AsyncIterable<Bytes> {
    const { shelves } = this.parts
    const shelf = options.keep === true ? shelves?.keeping(seed) : shelves?.passing
    let at = offset
    const copy = await this.copied(seed, shelf)
    if (copy !== undefined) {
      try {
        for await (const part of this.readerOf(copy, shelf).read(offset, length, options)) {
          at += part.length
          yield part
        }
        return
      } catch (error) {
        if (!isAppError(error, 'transient') && !isAppError(error, 'corrupt')) throw error
      }
    }
    yield* this.readerOf(await this.share(toBase64Url(seed), options.signal, shelf), shelf).read(at, offset + length - at, options)
  }

  private readerOf(share: ShareObject, shelf?: Shelf): FileReader {
    return sharedReader(share, { ...this.parts, shelf }, this.parts.fetcher)
  }

  private async copied(seed: Bytes, shelf: Shelf | undefined): Promise<ShareObject | undefined> {
    const sealed = await shelf?.get(seed)
    if (sealed === undefined) return undefined
    try {
      return this.met(await openCopy(seed, sealed, this.parts.blake3))
    } catch {
      await shelf?.drop(seed)
      return undefined
    }
  }

  private async share(seed: string, signal: AbortSignal, shelf?: Shelf): Promise<ShareObject> {
    const bytes = parseLink(`#/s/${seed}`, this.parts.blake3)
    const now = this.parts.clock.now()
    const known = this.opened.get(seed)
    const isFresh = known !== undefined && Math.abs(now - known.at) < FRESH_MS
    const opened = isFresh ? known : { ...(await openLink(bytes, this.parts, signal)), at: now }
    await shelf?.put(bytes, opened.sealed, { replace: true })
    if (isFresh) return opened.share
    this.opened.set(seed, opened)
    for (const oldest of this.opened.keys()) {
      if (this.opened.size <= KEPT) break
      this.opened.delete(oldest)
    }
    return this.met(opened.share)
  }

  /** The share names where its hosts were: what this peer does not know of them yet, it learns here. */
  private met(share: ShareObject): ShareObject {
    if (share.content.kind === 'stored') for (const { key, addresses } of share.content.hosts) this.parts.hosts.learn(toHex(key), addresses)
    return share
  }
}

/** How shards are had from hosts, and what is learnt of hosts by it. */
export function fetchDeps(deps: ReaderDeps, hosts: Hosts, bad: FetchDeps['note']): FetchDeps {
  const getShard: GetShard = async (host, root, range, signal) => {
    const client = await hosts.client(host, signal)
    return await client.get(fromHex(root), range, { signal })
  }
  return {
    clock: deps.clock,
    coder: deps.coder,
    getShard,
    order: (rows, k) => hosts.order(rows, k),
    late: (host) => { hosts.suspect(host) },
    note: (view, row, outcome, bytes, took) => {
      hosts.note(row.host, outcome, bytes, took)
      if (outcome === 'corrupt' || outcome === 'absent') bad(view, row, outcome, bytes, took)
    },
  }
}
