import type { FrameRef, Redundancy } from '../../ports/coder.ts'
import type { PeerKey } from '../../ports/network.ts'
import type { ShardRoot } from '../../ports/shard-store.ts'

/** One row of a sealed chunk: its name and who holds it. */
export interface PieceRow {
  readonly index: number
  readonly root: ShardRoot
  readonly host: PeerKey
}

/** One piece of a file: where its rows are and how to open it. */
export interface PieceView extends Redundancy {
  /** Byte of the file at which it starts. */
  readonly start: number
  readonly frame: FrameRef
  /** Bytes of each row. */
  readonly shardSize: number
  /** The rows that may be asked for: rows known to be bad are left out. */
  readonly rows: readonly PieceRow[]
  /** Name of the sealed chunk, for own files: bad rows are marked there. */
  readonly sealed?: string
}

/** The pieces of one file, by position. */
export interface PieceMap {
  /** The piece that holds byte `offset` of the file. Errors: `transient` when its description cannot be had now, `corrupt`. */
  pieceAt(offset: number, signal: AbortSignal): Promise<PieceView>
}
