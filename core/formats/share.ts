import type { Bytes } from '../base/bytes.ts'
import { bytes, decode, embedded, fixed, list, oneOf, refined, struct, text, uint, versioned, type Codec } from './codec.ts'
import { chunkEntry, parityEntry, ROWS } from './entry.ts'
import { fileName, mediaType } from './file-name.ts'
import { NODE_BYTES, totals, treeNode, type TreeNode } from './tree-node.ts'

/** A host as a reader of a link needs it: Ed25519 key (32 bytes) and multiaddrs, best first. */
export interface ShareHost {
  readonly key: Bytes
  readonly addresses: readonly string[]
}

/** A run of chunks whose row i lies on host `rows[i]` (an index of `hosts`). n is `rows.length`. */
export interface ShareGroup {
  readonly chunks: number
  readonly rows: readonly number[]
}

export type ShareContent =
  | { readonly kind: 'inline'; readonly bytes: Bytes }
  | {
      readonly kind: 'stored'
      readonly hosts: readonly ShareHost[]
      readonly groups: readonly ShareGroup[]
      readonly manifest: TreeNode
      readonly placement: TreeNode
    }

/** What a link opens (docs/formats/objects.md 4). */
export interface ShareObject {
  readonly name: string
  /** A media type without parameters, or empty. */
  readonly type: string
  /** Bytes. */
  readonly size: number
  /** Milliseconds since 1970. */
  readonly modified: number
  readonly content: ShareContent
}

/** Files up to this many bytes stand in the object itself. */
export const INLINE_BYTES = 1024
/** Chunks of a group: at most 1 GiB of a file hangs on one host list. */
export const GROUP_CHUNKS = 256
/** Hosts of a file, addresses of each, and their length: a share object must stay under 64 KiB. */
export const SHARE_HOSTS = 256
export const HOST_ADDRESSES = 4
export const ADDRESS_BYTES = 128

const host: Codec<ShareHost> = struct({ key: fixed(32), addresses: list(text(ADDRESS_BYTES), HOST_ADDRESSES) })
const group: Codec<ShareGroup> = struct({
  chunks: refined(uint(GROUP_CHUNKS), (chunks) => (chunks < 1 ? 'an empty group' : undefined)),
  rows: list(uint(SHARE_HOSTS - 1), ROWS, 1),
})

type Stored = Omit<Extract<ShareContent, { kind: 'stored' }>, 'kind'>

const stored: Codec<Stored> = struct<Stored>({
  hosts: list(host, SHARE_HOSTS, 1),
  groups: list(group, 4096, 1),
  manifest: embedded(treeNode, NODE_BYTES),
  placement: embedded(treeNode, NODE_BYTES),
})
const inline = bytes(INLINE_BYTES)
const kind = oneOf(['inline', 'stored'])

const content: Codec<ShareContent> = {
  write(to, value) {
    kind.write(to, value.kind)
    if (value.kind === 'inline') inline.write(to, value.bytes)
    else stored.write(to, value)
  },
  read(from) {
    if (kind.read(from) === 'inline') return { kind: 'inline', bytes: inline.read(from) }
    return { kind: 'stored', ...stored.read(from) }
  },
}

const fields: Codec<ShareObject> = struct<ShareObject>({
  name: fileName,
  type: mediaType,
  size: uint(),
  modified: uint(),
  content,
})

/** A share object whose parts agree with each other as far as they stand in it; subtrees are checked as they are read. */
export const shareObject: Codec<ShareObject> = versioned(1, refined(fields, contradiction, 'format.mismatch'))

function contradiction(share: ShareObject): string | undefined {
  const part = share.content
  if (part.kind === 'inline') return part.bytes.length === share.size ? undefined : 'size and content disagree'
  const manifest = totals(part.manifest, 'manifest')
  const placement = totals(part.placement, 'placement')
  const chunks = part.groups.reduce((sum, one) => sum + one.chunks, 0)
  if (manifest.size !== share.size) return 'size and manifest disagree'
  if (part.placement.kind === 'branch' && part.placement.children.some((child) => child.size !== 0)) {
    return 'a placement with sizes'
  }
  if (manifest.count !== chunks || placement.count !== chunks) return 'groups, manifest and placement disagree'
  if (part.groups.some((one) => one.rows.some((index) => index >= part.hosts.length))) return 'a row on a host that is not listed'
  return rowsDisagree(part) ? 'a chunk with other rows than its group' : undefined
}

/** Only where both roots are leaves; else the reader of the subtrees asks `rowsMatch` for each chunk. */
function rowsDisagree({ groups, manifest, placement }: Stored): boolean {
  if (manifest.kind !== 'leaf' || placement.kind !== 'leaf') return false
  let index = 0
  for (const one of groups) {
    for (const end = index + one.chunks; index < end; index++) {
      const { k } = decode(chunkEntry, manifest.entries[index] ?? new Uint8Array())
      const parity = decode(parityEntry, placement.entries[index] ?? new Uint8Array())
      if (!rowsMatch(one, k, parity.length)) return true
    }
  }
  return false
}

/** Whether a chunk of k data rows and so many parity roots may stand in `group`. */
export function rowsMatch(group: ShareGroup, k: number, parity: number): boolean {
  return k + parity === group.rows.length
}
