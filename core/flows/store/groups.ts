import { GROUP_CHUNKS } from '../../formats/share.ts'
import { placeGroup, replaceHost } from '../../placement/place.ts'
import type { PeerKey } from '../../ports/network.ts'
import type { Hosts } from '../hosts/hosts.ts'
import type { Group } from './chunk.ts'

/** Chooses host lists: one for up to 256 chunks, the next one the same but for hosts that failed. */
export class Groups {
  private current: { group: Group; chunks: number } | undefined
  /** Lists that took the place of others, so that all chunks of a broken group get the same new one. */
  private readonly successors = new WeakMap<Group, Map<PeerKey, Group>>()
  private readonly hosts: Hosts

  constructor(hosts: Hosts) {
    this.hosts = hosts
  }

  /** The group for the next chunk of n rows, or `undefined` when no host takes anything now. */
  next(n: number): Group | undefined {
    const candidates = this.hosts.candidates()
    const usable = new Set(candidates.filter(({ room }) => room > 0).map(({ key }) => key))
    const current = this.current
    const kept = current?.group.hosts
    const sound = kept?.length === n && kept.every((key) => usable.has(key))
    // More hosts turned up than a doubled-up list uses: a new list spreads wider.
    const widest = kept !== undefined && new Set(kept).size >= Math.min(n, usable.size)
    if (current !== undefined && sound && widest && current.chunks < GROUP_CHUNKS) {
      current.chunks++
      return current.group
    }
    const hosts = placeGroup(candidates, n)
    if (hosts.length === 0) return undefined
    this.current = { group: { hosts }, chunks: 1 }
    return this.current.group
  }

  /** The list that takes the place of `group` now that `failed` takes no more, or `undefined` when nobody else does. */
  without(group: Group, failed: PeerKey): Group | undefined {
    const known = this.successors.get(group)?.get(failed)
    const candidates = this.hosts.candidates()
    const usable = new Set(candidates.map(({ key }) => key))
    if (known !== undefined && known.hosts.every((key) => usable.has(key) || group.hosts.includes(key))) return known
    const hosts = replaceHost(group.hosts, failed, candidates)
    if (hosts === undefined) return undefined
    const next = { hosts }
    const all = this.successors.get(group) ?? new Map<PeerKey, Group>()
    this.successors.set(group, all.set(failed, next))
    if (this.current?.group === group) this.current = { group: next, chunks: 0 }
    return next
  }
}
