import type { Bytes } from '../base/bytes.ts'
import { bytes, fixed, list, oneOf, optional, refined, struct, text, uint, versioned, versions, bool, type Codec } from './codec.ts'
import { dataRows, frameFields, ROWS, SEALED_BYTES, shardSize } from './entry.ts'
import { filePath, mediaType } from './file-name.ts'
import { RECORD_HOLDERS } from './record-value.ts'
import { RECEIPT_SHARDS } from './receipt.ts'
import { ADDRESS_BYTES, INLINE_BYTES } from './share.ts'
import { OBJECT_BYTES } from './tree-node.ts'

// Values of the list on a device (docs/formats/list.md). Names, keys and fingerprints are bytes; times are milliseconds since 1970.

/** Bytes of a file id, of a secret's fingerprint, of a lease id. */
export const FILE_ID = 16
const FINGERPRINT = 8
const LEASE_ID = 16

/** `storing`: work is left to do. `failed`: stopped, `error` says why. `removing`: shards are still to be released. */
export type FileStatus = 'storing' | 'stored' | 'failed' | 'removing'

/** Who keeps a whole object, and under which lease of theirs. */
export interface Holder {
  readonly host: Bytes
  readonly lease: Bytes
}

/** The share object of a file as it was last put on hosts. */
export interface ShareRef {
  /** Its name (BLAKE3 of the sealed object) and its length in bytes. */
  readonly name: Bytes
  readonly length: number
  /** Ed25519 keys of the hosts that keep it; objects have no lease. */
  readonly holders: readonly Bytes[]
  /** Sequence of the newest record that was signed for the link, and whether a DHT server took that record. */
  readonly sequence: number
  readonly announced: boolean
  /** Chunks of the file went to other hosts since it was made: it has to be made again. */
  readonly stale: boolean
  /** Names of the tree nodes below it that are kept as objects: `node/<name>`. */
  readonly nodes: readonly Bytes[]
}

/** What a stored file withstands, so that a long list is drawn without reading every chunk. */
export interface Health {
  /** Good rows suffice everywhere; else the file is damaged. */
  readonly restorable: boolean
  /** Hosts that may leave, whichever they are, and hosts that hold a part. */
  readonly survives: number
  readonly hosts: number
  /** Rows known to be bad, and hosts that they were on. */
  readonly badRows: number
  readonly badHosts: number
  /** Bytes that the file's part of its chunks takes on hosts. */
  readonly stored: number
}

/** `file/<id>` */
export interface FileRecord {
  /** File name, or path with the folders that it was added with. */
  readonly name: string
  readonly type: string
  /** Bytes. */
  readonly size: number
  readonly modified: number
  readonly added: number
  readonly status: FileStatus
  /** Pieces that have a `ref/<id>/<index>`, and bytes of plaintext in them: a resumed store goes on there. */
  readonly pieces: number
  readonly sealedBytes: number
  /** Whether the file was read to its end: then the file itself is no longer needed. */
  readonly scanned: boolean
  /** Link seed, 32 bytes. */
  readonly link: Bytes
  /** Fingerprint of the secret that its keys derive from. */
  readonly secret: Bytes
  /** The whole content of a file of at most 1 KiB. */
  readonly inline: Bytes | undefined
  /** Code of the `AppError` that stopped it. */
  readonly error: string | undefined
  readonly share: ShareRef | undefined
  readonly health: Health | undefined
}

/** Where a frame lies in a sealed chunk, and how to open it; as in a `ChunkEntry`. */
export interface FrameRecord {
  readonly offset: number
  readonly length: number
  readonly key: Bytes
  readonly hash: Bytes
  readonly size: number
}

/** `piece/<chunk id>` */
export interface PieceRecord {
  /** Name of the sealed chunk that holds it. */
  readonly sealed: Bytes
  readonly frame: FrameRecord
}

/** `ref/<id>/<index>` */
export interface RefRecord extends PieceRecord {
  /** Chunk id. */
  readonly piece: Bytes
}

/** `none`: not sent. `acknowledged`: the host has it. `leased`: its receipt came. `bad`: the host lost or damaged it. */
export type RowState = 'none' | 'acknowledged' | 'leased' | 'bad'

export interface SealedRow {
  /** Ed25519 key of the host; `undefined` when none was chosen. */
  readonly host: Bytes | undefined
  readonly state: RowState
  /** Lease id, when the row is or was leased. */
  readonly lease: Bytes | undefined
}

/** `sealed/<name>`; n is `roots.length`. */
export interface SealedRecord {
  readonly k: number
  readonly shardSize: number
  /** Bytes of the sealed chunk before it was filled up to k · shardSize. */
  readonly length: number
  readonly roots: readonly Bytes[]
  readonly rows: readonly SealedRow[]
  readonly secret: Bytes
}

/** `host/<key>`: first-hand only. */
export interface HostRecord {
  readonly addresses: readonly string[]
  /** When it was last connected and last tried; 0 = never. */
  readonly seen: number
  readonly tried: number
  /** Attempts to reach it that failed since it was last seen. */
  readonly failures: number
  /** What became of requests to it, per day of the last 30. */
  readonly days: readonly HostDay[]
}

/** One day (days since 1970, UTC) with a host: requests that it answered rightly, with damaged bytes, with "lost", and not in time. */
export interface HostDay {
  readonly day: number
  readonly ok: number
  readonly corrupt: number
  readonly absent: number
  readonly stalled: number
}

/** `node/<name>` */
export interface NodeRecord {
  /** Bytes of the sealed object. */
  readonly length: number
  readonly holders: readonly Holder[]
}

/** `release/<host>/<lease id>` */
export interface ReleaseRecord {
  /** Fingerprint of the secret whose tenant key holds the lease. */
  readonly secret: Bytes
  /** When the lease ends anyway, so that an unreachable host is not asked for ever. */
  readonly expires: number
  readonly roots: readonly Bytes[]
}

/** `drive/<generation>/<index>` */
export interface DriveFragment {
  /** The update ends with this fragment. */
  readonly ends: boolean
  readonly bytes: Bytes
}

/** Bytes of one fragment: under the 1 MiB of a backup's value, and a quick write for a browser's index. */
export const DRIVE_FRAGMENT = 2 ** 19

/** Names of all tree nodes of a file of 2^20 chunks (4 TiB) and more, under the 1 MiB of a backup's value. */
const SHARE_NODES = 16_384
/** Hosts that keep one object: 20 in a record, and as many that left it but still hold a lease. */
export const HOLDERS = 2 * RECORD_HOLDERS

/** The days that conduct is remembered for, and those at its edges. */
const HOST_DAYS = 32

const fingerprint = fixed(FINGERPRINT)
const holders: Codec<readonly Holder[]> = list(struct<Holder>({ host: fixed(32), lease: fixed(LEASE_ID) }), HOLDERS)

const shareRef: Codec<ShareRef> = struct<ShareRef>({
  name: fixed(32),
  length: uint(OBJECT_BYTES),
  holders: list(fixed(32), HOLDERS),
  sequence: uint(),
  announced: bool,
  stale: bool,
  nodes: list(fixed(32), SHARE_NODES),
})

const health: Codec<Health> = struct<Health>({
  restorable: bool,
  survives: uint(),
  hosts: uint(),
  badRows: uint(),
  badHosts: uint(),
  stored: uint(),
})

export const fileRecord: Codec<FileRecord> = versioned(
  1,
  struct<FileRecord>({
    name: filePath,
    type: mediaType,
    size: uint(),
    modified: uint(),
    added: uint(),
    status: oneOf(['storing', 'stored', 'failed', 'removing']),
    pieces: uint(),
    sealedBytes: uint(),
    scanned: bool,
    link: fixed(32),
    secret: fingerprint,
    inline: optional(bytes(INLINE_BYTES)),
    error: optional(text(64)),
    share: optional(shareRef),
    health: optional(health),
  }),
)

const frame: Codec<FrameRecord> = struct<FrameRecord>(frameFields)

export const pieceRecord: Codec<PieceRecord> = versioned(1, struct<PieceRecord>({ sealed: fixed(32), frame }))
export const refRecord: Codec<RefRecord> = versioned(1, struct<RefRecord>({ piece: fixed(32), sealed: fixed(32), frame }))

const row: Codec<SealedRow> = refined(
  struct<SealedRow>({
    host: optional(fixed(32)),
    state: oneOf(['none', 'acknowledged', 'leased', 'bad']),
    lease: optional(fixed(LEASE_ID)),
  }),
  ({ host, state, lease }) => {
    if (state !== 'none' && host === undefined) return 'a row without its host'
    if (state === 'leased' && lease === undefined) return 'a leased row without its lease'
    return (state === 'none' || state === 'acknowledged') && lease !== undefined ? 'a lease for an unleased row' : undefined
  },
  'format.mismatch',
)

export const sealedRecord: Codec<SealedRecord> = versioned(
  1,
  refined(
    struct<SealedRecord>({
      k: dataRows,
      shardSize,
      length: uint(SEALED_BYTES),
      roots: list(fixed(32), ROWS, 1),
      rows: list(row, ROWS, 1),
      secret: fingerprint,
    }),
    ({ k, shardSize, length, roots, rows }) => {
      if (k > roots.length || rows.length !== roots.length) return 'rows and roots disagree'
      return length < 1 || length > k * shardSize ? 'a length that its shards cannot hold' : undefined
    },
    'format.mismatch',
  ),
)

export const hostRecord: Codec<HostRecord> = versioned(
  1,
  struct<HostRecord>({
    addresses: list(text(ADDRESS_BYTES), 8),
    seen: uint(),
    tried: uint(),
    failures: uint(),
    days: list(struct<HostDay>({ day: uint(), ok: uint(), corrupt: uint(), absent: uint(), stalled: uint() }), HOST_DAYS),
  }),
)

export const nodeRecord: Codec<NodeRecord> = versioned(1, struct<NodeRecord>({ length: uint(OBJECT_BYTES), holders }))

export const releaseRecord: Codec<ReleaseRecord> = versioned(
  1,
  struct<ReleaseRecord>({ secret: fingerprint, expires: uint(), roots: list(fixed(32), RECEIPT_SHARDS, 1) }),
)

export const driveFragment: Codec<DriveFragment> = versioned(1, struct<DriveFragment>({ ends: bool, bytes: bytes(DRIVE_FRAGMENT) }))

/** Bytes of a wrapped secret: nonce and tag included, with room for other ways to wrap. */
const WRAPPED_BYTES = 128

/** `secret/<fp>` as a backup holds it. */
export const secretRecord: Codec<Bytes> = versioned(1, fixed(32))
/** `secret/<fp>` in a list: version 1 is the secret itself, version 2 wrapped by the device (core/ports/key-wrap.ts). */
export const keptSecret = versions<Bytes>([fixed(32), bytes(WRAPPED_BYTES, 1)])
/** `secret-own` */
export const ownSecret: Codec<Bytes> = fingerprint
