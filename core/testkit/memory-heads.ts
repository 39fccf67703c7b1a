import { equal, toHex, type Bytes } from '../base/bytes.ts'
import { AppError } from '../base/errors.ts'
import { findHeads, type FoundHead, type FoundHeads } from '../flows/drive/heads.ts'
import type { SyncDeps } from '../flows/drive/sync-deps.ts'
import type { FileReader } from '../flows/index.ts'
import { decode, encode } from '../formats/codec.ts'
import { head, type Head } from '../formats/head.ts'
import type { Random } from '../ports/clock.ts'

interface Kept {
  readonly sequence: number
  readonly bytes: Bytes
}

/** A host of a `MemorySwarm`. */
export class SwarmHost {
  away = false
  readonly heads = new Map<number, Kept>()
  readonly parts = new Map<string, Bytes>()
}

/** Hosts with the heads and parts of one account, and a DHT: without keys, streams or time, so that thousands of heads come and go in a second. */
export class MemorySwarm {
  readonly hosts: readonly SwarmHost[]
  /** What the DHT knows: it never forgets. */
  readonly dht = new Map<number, Kept>()
  /** Indexes whose device was given up. */
  readonly gone = new Set<number>()
  /** All heads that were ever published, in order. */
  readonly published: { readonly index: number; readonly sequence: number }[] = []
  private readonly random: Random

  constructor(hosts: number, random: Random) {
    this.hosts = Array.from({ length: hosts }, () => new SwarmHost())
    this.random = random
  }

  /** All parts that any host has. */
  get parts(): Set<string> {
    return new Set(this.hosts.flatMap(({ parts }) => [...parts.keys()]))
  }

  /** The heads, which look alike to all devices. */
  heads(): SyncDeps['heads'] {
    return new MemoryHeads(this)
  }

  /** What one device stores parts with; `links` outlives its crashes. */
  storage(links = new Set<string>()): SyncDeps['storage'] {
    const { random } = this
    return {
      storePart: (bytes) => {
        const link = random.bytes(32)
        links.add(toHex(link))
        const here = this.near()
        if (here.length === 0) return Promise.reject(new AppError('transient', 'hosts.none', 'no host is there'))
        for (const host of here) host.parts.set(toHex(link), bytes)
        return Promise.resolve(link)
      },
      keepParts: (kept) => {
        const stay = new Set(kept.map(toHex))
        for (const link of links) {
          if (stay.has(link)) continue
          links.delete(link)
          for (const host of this.hosts) host.parts.delete(link)
        }
        return Promise.resolve()
      },
      seedReader: (seed) => {
        const bytes = this.near().map(({ parts }) => parts.get(toHex(seed))).find((one) => one !== undefined)
        if (bytes === undefined) return Promise.reject(new AppError('transient', 'link.unreachable', 'nobody has it'))
        return Promise.resolve(readerOf(bytes))
      },
    }
  }

  near(): SwarmHost[] {
    return this.hosts.filter(({ away }) => !away)
  }
}

class MemoryHeads {
  private readonly swarm: MemorySwarm

  constructor(swarm: MemorySwarm) {
    this.swarm = swarm
  }

  find(known: Iterable<number>, signal: AbortSignal): Promise<FoundHeads> {
    return findHeads((index) => this.get(index), known, signal)
  }

  get(index: number): Promise<FoundHead> {
    const { dht, gone } = this.swarm
    const near = this.swarm.near()
    const known = [dht.get(index), ...near.map(({ heads }) => heads.get(index))].flatMap((one) => (one === undefined ? [] : [one])).sort((a, b) => (isNewer(a, b) ? -1 : 1))
    const [best] = known
    if (gone.has(index)) return Promise.reject(new AppError('absent', 'head.gone', 'the device was given up'))
    if (near.length === 0) return Promise.reject(new AppError('transient', 'record.unreachable', 'nobody answered'))
    if (best === undefined) return Promise.reject(new AppError('absent', 'record.absent', 'nobody has it'))
    const held = near.some(({ heads }) => equal(heads.get(index)?.bytes ?? new Uint8Array(), best.bytes))
    if (!held) return Promise.reject(new AppError('transient', 'head.unreachable', 'no holder is there'))
    return Promise.resolve({ head: decode(head, best.bytes), sequence: best.sequence })
  }

  publish(value: Head, after: number): Promise<number> {
    const kept: Kept = { sequence: after + 1, bytes: encode(head, value) }
    const { swarm } = this
    let took = 0
    for (const { heads } of swarm.gone.has(value.index) ? [] : swarm.near()) {
      if (!isNewer(kept, heads.get(value.index))) continue
      heads.set(value.index, kept)
      took++
    }
    const near = swarm.near().length
    if (near > 0 && isNewer(kept, swarm.dht.get(value.index))) swarm.dht.set(value.index, kept)
    if (near === 0) return Promise.reject(new AppError('transient', 'hosts.none', 'no host is there'))
    if (took === 0) return Promise.reject(new AppError('denied', 'head.taken', 'another device has this index'))
    swarm.published.push({ index: value.index, sequence: kept.sequence })
    return Promise.resolve(kept.sequence)
  }
}

function isNewer(one: Kept, other: Kept | undefined): boolean {
  if (other === undefined || one.sequence !== other.sequence) return one.sequence > (other?.sequence ?? 0)
  const at = one.bytes.findIndex((byte, i) => byte !== other.bytes[i])
  return at >= 0 && (one.bytes[at] ?? 0) > (other.bytes[at] ?? -1)
}

function readerOf(bytes: Bytes): FileReader {
  return {
    name: 'drive',
    type: '',
    size: bytes.length,
    modified: 0,
    async *read(offset, length) {
      await Promise.resolve()
      yield bytes.slice(offset, offset + length)
    },
  }
}
