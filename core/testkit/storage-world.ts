import { equal, type Bytes } from '../base/bytes.ts'
import { asAppError, type AppError } from '../base/errors.ts'
import { createLocalCoder, loadKernels } from '../flows/coder/local.ts'
import { createReader, createStorage, type FileReader, type FileRow, type Reader, type SourceFile, type Storage, type StorageDeps } from '../flows/index.ts'
import type { Clock } from '../ports/clock.ts'
import type { Coder, Redundancy } from '../ports/coder.ts'
import * as ed25519 from '../seal/ed25519.ts'
import type { KeyWrap } from '../ports/key-wrap.ts'
import { freshKeyWrap } from './key-wrap.ts'
import { faultyMetaStore, faultyShardStore, Faults } from './faulty.ts'
import { MemoryMetaStore, memoryMetaDisk } from './memory-meta-store.ts'
import { MemoryShardStore, memoryShardDisk } from './memory-shard-store.ts'
import { keyPair, shardWorld, type MemoryHost, type ShardWorld } from './shard-world.ts'

/** Fake milliseconds per turn of the pump: waits of seconds pass in a blink, while real work still gets its turns. */
const STEP_MS = 25
/** Turns that anything may take before a test gives up. */
const PATIENCE = 20_000

/** Hosts, devices that store on them, and a clock that runs by itself. */
export class StorageWorld {
  readonly shards: ShardWorld
  readonly coder: Coder
  private running = true

  constructor(shards: ShardWorld, coder: Coder) {
    this.shards = shards
    this.coder = coder
    void this.pump()
  }

  hosts(count: number, options: Parameters<ShardWorld['host']>[0] = {}): Promise<MemoryHost[]> {
    return Promise.all(Array.from({ length: count }, () => this.shards.host(options)))
  }

  device(options: DeviceOptions = {}): Device {
    return new Device(this, options)
  }

  /** A browser that was never here and keeps nothing. */
  reader(skew = 0): Reader {
    const { random, blake3, records } = this.shards
    return createReader({ network: this.shards.peer(), records, coder: this.coder, clock: this.clock(skew), random, blake3, signatures: ed25519 })
  }

  /** The world's clock as a device sees it that is `skew` ms off. */
  clock(skew = 0): Clock {
    const { clock } = this.shards
    return { now: () => clock.now() + skew, sleep: (ms, signal) => clock.sleep(ms, signal) }
  }

  /** Lets time pass until `met`. */
  async until(met: () => boolean, what = 'the condition'): Promise<void> {
    for (let turn = 0; turn < PATIENCE; turn++) {
      if (met()) return
      await new Promise((resolve) => setTimeout(resolve, 0))
    }
    throw new Error(`gave up waiting for ${what}`)
  }

  close(): void {
    this.running = false
  }

  private async pump(): Promise<void> {
    while (this.running) {
      await this.shards.clock.advance(STEP_MS)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }
}

/** A new world with `hosts` hosts. */
export async function storageWorld(hosts = 0, seed = 1): Promise<StorageWorld> {
  const world = new StorageWorld(await shardWorld({ seed }), createLocalCoder(await loadKernels()))
  await world.hosts(hosts)
  return world
}

export interface DeviceOptions {
  readonly redundancy?: Redundancy
  /** Most bytes of its outbox. */
  readonly quota?: number
  /** Pieces of this many bytes instead of chunks, so that a small file has many. */
  readonly pieceBytes?: number
  /** Bytes of copies that it keeps of what it reads; none unless told. */
  readonly room?: number
  /** How far its clock is off, in ms. */
  readonly skew?: number
}

/** One browser: its disks outlive it, so that it can crash and start again. */
export class Device {
  readonly metaDisk = memoryMetaDisk()
  readonly shardDisk
  /** Of its copies. */
  readonly copies = { meta: memoryMetaDisk(), shards: memoryShardDisk() }
  readonly reports: AppError[] = []
  /** Files that can be reopened after a restart, by id. */
  readonly handles = new Map<string, SourceFile>()
  faults = new Faults()
  readonly key = keyPair(0)
  private readonly keyWrap: Promise<KeyWrap>
  private readonly world: StorageWorld
  private readonly options: DeviceOptions
  private storage: Storage | undefined

  constructor(world: StorageWorld, options: DeviceOptions) {
    this.world = world
    this.options = options
    this.key = keyPair(1000 + world.shards.number())
    this.shardDisk = memoryShardDisk(options.quota)
    this.keyWrap = freshKeyWrap(world.shards.random)
  }

  get running(): Storage {
    if (this.storage === undefined) throw new Error('the device is not running')
    return this.storage
  }

  async start(): Promise<Storage> {
    const { random, blake3, records, hub } = this.world.shards
    const clock = this.world.clock(this.options.skew)
    this.storage = await createStorage({
      network: hub.join(this.key.name),
      records,
      coder: this.options.pieceBytes === undefined ? this.world.coder : fineCoder(this.world.coder, this.options.pieceBytes),
      shards: faultyShardStore(new MemoryShardStore(this.shardDisk), this.faults),
      meta: faultyMetaStore(new MemoryMetaStore(this.metaDisk), this.faults),
      copies: this.options.room === undefined ? undefined : this.copyStores(this.options.room),
      clock,
      random,
      blake3,
      signatures: ed25519,
      keyWrap: await this.keyWrap,
      ...(this.options.redundancy === undefined ? {} : { redundancy: this.options.redundancy }),
      reopenFile: (id) => Promise.resolve(this.handles.get(id)),
      report: (error) => void this.reports.push(error),
    })
    return this.storage
  }

  private copyStores(room: number): NonNullable<StorageDeps['copies']> {
    return {
      shards: faultyShardStore(new MemoryShardStore(this.copies.shards), this.faults),
      meta: faultyMetaStore(new MemoryMetaStore(this.copies.meta), this.faults),
      room,
    }
  }

  /** The process dies: nothing it still tries has any effect. */
  async crash(): Promise<void> {
    this.faults.crashed = true
    this.world.shards.hub.kill(this.key.name)
    const storage = this.storage
    this.storage = undefined
    this.faults = new Faults()
    await storage?.stop()
  }

  row(id: string): FileRow | undefined {
    return this.running.snapshot().files.find((row) => row.id === id)
  }

  /** Lets time pass until the file's state is one of `kinds`. */
  async reaches(id: string, ...kinds: FileRow['status']['kind'][]): Promise<FileRow> {
    const met = (): boolean => kinds.some((kind) => this.row(id)?.status.kind === kind)
    try {
      await this.world.until(met)
    } catch {
      throw new Error(`${kinds.join(' or ')} not reached: ${JSON.stringify(this.row(id))} ${this.reports.map((error) => error.stack).join('\n')}`)
    }
    const row = this.row(id)
    if (row === undefined) throw new Error('no such row')
    return row
  }

  /** Adds one file and waits until it is stored. */
  async store(file: SourceFile, path = file.name): Promise<string> {
    const [id] = await this.running.add([{ file, path }])
    await this.reaches(id ?? '', 'safe', 'stored')
    return id ?? ''
  }
}

/** `coder`, cutting at every `length` bytes. */
function fineCoder(coder: Coder, length: number): Coder {
  return {
    ...coder,
    async cut(source, offset, keys, signal) {
      const pieces = await coder.identify([source.slice(offset, offset + length)], keys, signal)
      return pieces.map((piece) => ({ ...piece, source, offset }))
    },
  }
}

/** A file as a browser hands it over. */
export function testFile(name: string, bytes: Bytes, modified = 1_700_000_000_000): SourceFile {
  const blob = new Blob([bytes], { type: 'application/octet-stream' })
  return Object.assign(blob, { name, lastModified: modified })
}

/** All bytes of a file. */
export async function readAll(reader: FileReader, offset = 0, length = reader.size): Promise<Bytes> {
  const out = new Uint8Array(Math.max(0, Math.min(length, reader.size - offset)))
  let at = 0
  for await (const part of reader.read(offset, length)) {
    out.set(part, at)
    at += part.length
  }
  if (at !== out.length) throw new Error(`${String(at)} of ${String(out.length)} bytes came`)
  return out
}

/** Whether a file reads back as `bytes`; far quicker than comparing byte by byte in an assertion. */
export async function reads(reader: FileReader, bytes: Bytes): Promise<boolean> {
  return equal(await readAll(reader), bytes)
}

/** The error that `work` rejects with. */
export async function failureOf(work: Promise<unknown>): Promise<AppError> {
  try {
    await work
  } catch (error) {
    return asAppError(error)
  }
  throw new Error('nothing failed')
}
