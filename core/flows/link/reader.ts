import { toHex, fromHex } from '../../base/bytes.ts'
import { parseLink } from '../../formats/link.ts'
import type { ShareObject } from '../../formats/share.ts'
import type { ReaderDeps } from '../deps.ts'
import { sharedReader } from '../fetch/files.ts'
import type { Fetcher, FetchDeps, FileReader, GetShard } from '../fetch/reader.ts'
import type { Hosts } from '../hosts/hosts.ts'
import type { Search } from '../hosts/search.ts'
import { openLink } from './open.ts'

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
}

/** Opens links and reads their files. */
export class LinkReader {
  private readonly opened = new Map<string, { readonly at: number; readonly share: ShareObject }>()
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
    return sharedReader(await this.share(seed, signal), this.parts, this.parts.fetcher)
  }

  private async share(seed: string, signal: AbortSignal): Promise<ShareObject> {
    const bytes = parseLink(`#/s/${seed}`, this.parts.blake3)
    const now = this.parts.clock.now()
    const known = this.opened.get(seed)
    if (known !== undefined && Math.abs(now - known.at) < FRESH_MS) return known.share
    const share = await openLink(bytes, this.parts, signal)
    this.opened.set(seed, { at: now, share })
    for (const oldest of this.opened.keys()) {
      if (this.opened.size <= KEPT) break
      this.opened.delete(oldest)
    }
    // The share names where its hosts were: what this peer does not know of them yet, it learns here.
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
