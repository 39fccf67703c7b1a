import type { AppError } from '../base/errors.ts'
import type { Blake3 } from '../merkle/blake3.ts'
import type { Clock, Random } from '../ports/clock.ts'
import type { Coder, Redundancy } from '../ports/coder.ts'
import type { KeyWrap } from '../ports/key-wrap.ts'
import type { MetaStore } from '../ports/meta-store.ts'
import type { Network, Records } from '../ports/network.ts'
import type { ShardStore } from '../ports/shard-store.ts'
import type { Signatures } from '../swarm/shard-client.ts'
import type { Hosts } from './hosts/hosts.ts'
import type { Search } from './hosts/search.ts'
import type { Journal } from './journal.ts'
import type { Secrets } from './list/secrets.ts'
import type { SourceFile, Table } from './list/table.ts'

/** What reading a link takes. */
export interface ReaderDeps {
  readonly network: Network
  readonly records: Records
  readonly coder: Coder
  readonly clock: Clock
  readonly random: Random
  readonly blake3: Blake3
  /** Ed25519: `core/seal/ed25519.ts` as a whole. */
  readonly signatures: Signatures
  /** Told of faults that nobody waits for. */
  readonly report?: (error: AppError) => void
}

/** What storing takes beside that. */
export interface StorageDeps extends ReaderDeps {
  /** The outbox; nothing else may be kept in it. */
  readonly shards: ShardStore
  /** The list; nothing else may be kept in it. */
  readonly meta: MetaStore
  /** Copies of contents on this device, in stores of their own, and the bytes they may take; none where it is absent. */
  readonly copies?: { readonly shards: ShardStore; readonly meta: MetaStore; readonly room: number } | undefined
  /** Of this device: secrets in the list are wrapped by it. */
  readonly keyWrap: KeyWrap
  /** 10 of 16 unless told otherwise. */
  readonly redundancy?: Redundancy
  /** A file that was added in an earlier run, where the platform can hand it again without asking anybody. */
  readonly reopenFile?: (id: string) => Promise<SourceFile | undefined>
}

/** What records of an account, and what they name, are found and placed with. */
export interface SwarmParts extends Pick<ReaderDeps, 'records' | 'blake3' | 'clock' | 'random'> {
  readonly hosts: Hosts
  readonly search: Search
}

/** The list itself. */
export interface ListParts {
  readonly table: Table
  readonly journal: Journal
  readonly secrets: Secrets
}
