import type { Bytes } from '../base/bytes.ts'
import { AppError } from '../base/errors.ts'
import { bestBuild } from '../base/wasm.ts'

/** Decision 0009 has what each level costs and saves. */
const LEVEL = 6
/** The first bytes of a Zstandard frame. */
const MAGIC = [0x28, 0xb5, 0x2f, 0xfd]

/**
 * What stands behind the package's own `compress` and `decompress`, which copy results byte by byte (17 MiB/s) and allocate
 * whatever a frame claims to hold. Addresses and lengths are those of libzstd's memory; a failed `_malloc` is 0.
 */
interface Internals {
  readonly _mainModule: { readonly _module: Heap }
  readonly _zstdClass: LibZstd
}
interface Heap {
  readonly HEAPU8: Bytes
  _malloc(length: number): number
  _free(address: number): void
}
/** Of libzstd's manual: results are lengths, or error codes, which `isError` knows. */
interface LibZstd {
  compressBound(length: number): number
  compress(target: number, capacity: number, source: number, length: number, level: number): number
  decompress(target: number, capacity: number, source: number, length: number): number
  findFrameCompressedSize(source: number, length: number): number
  isError(result: number): number
}
interface Codec {
  readonly heap: Heap
  readonly lib: LibZstd
  /** Drops the instance: the next load makes a fresh one. */
  drop(): Promise<void>
}

/** `plaintext` as one Zstandard frame (RFC 8878) that states its content size, at one of the levels 1 (fast) to 19. Throws `transient` `zstd.unavailable`. */
export async function zstd(plaintext: Bytes, level: number = LEVEL): Promise<Bytes> {
  const codec = await load()
  const { lib } = codec
  const capacity = lib.compressBound(plaintext.length)
  const body = await run(codec, plaintext, capacity, (target, source) => {
    const length = lib.compress(target, capacity, source, plaintext.length, level)
    return lib.isError(length) === 0 ? length : undefined
  })
  if (body === undefined) throw new AppError('bug', 'zstd.refused', 'libzstd does not compress')
  return body
}

/**
 * The `size` bytes in `body`, which must be one Zstandard frame without a dictionary that states just this content size; else `undefined`.
 * The header is checked before anything is allocated, and then `body.length + size` bytes are. Throws `transient` `zstd.unavailable`.
 */
export async function unzstd(body: Bytes, size: number, withLibrary: boolean = runsLibrary()): Promise<Bytes | undefined> {
  if (!declares(body, size)) return undefined
  if (!withLibrary) return unzstdSlowly(body, size)
  const codec = await load()
  const { lib } = codec
  return run(codec, body, size, (target, source) => {
    if (lib.findFrameCompressedSize(source, body.length) !== body.length) return undefined
    return lib.decompress(target, size, source, body.length) === size ? size : undefined
  })
}

/** Whether this runtime runs the library, which needs SIMD. What others compressed is read without it all the same. */
export function runsLibrary(): boolean {
  return bestBuild() !== 'scalar'
}

/** `unzstd` in plain JavaScript: slower. It writes into `size` bytes and no others; of a frame that holds more than it states it gives the beginning, which the plaintext hash tells. */
async function unzstdSlowly(body: Bytes, size: number): Promise<Bytes | undefined> {
  const { decompress } = await import('fzstd').catch(unavailable)
  const output = new Uint8Array(size)
  try {
    const result = decompress(body, output)
    return result.length === size && result.buffer === output.buffer ? output : undefined
  } catch {
    return undefined
  }
}

/** Whether `body` begins as a Zstandard frame of `size` bytes of content, without a dictionary: RFC 8878, 3.1.1.1. */
function declares(body: Bytes, size: number): boolean {
  const descriptor = body[MAGIC.length]
  if (descriptor === undefined || MAGIC.some((byte, i) => body[i] !== byte)) return false
  const reservedOrDictionary = descriptor & 0b1011
  if (reservedOrDictionary !== 0) return false
  const flag = descriptor >> 6
  const single = (descriptor >> 5) & 1
  const at = MAGIC.length + 2 - single
  const length = flag === 0 ? single : 1 << flag
  if (length === 0 || body.length < at + length) return false
  let declared = flag === 1 ? 256 : 0
  for (let i = 0; i < length; i++) declared += body[at + i]! * 256 ** i
  return declared === size
}

/**
 * What `work` leaves in `capacity` bytes of libzstd's memory, given `input` there; `undefined` when it refuses, or when libzstd breaks over it.
 * An instance that broke is dropped.
 */
async function run(
  codec: Codec,
  input: Bytes,
  capacity: number,
  work: (target: number, source: number) => number | undefined,
): Promise<Bytes | undefined> {
  const { heap } = codec
  try {
    const source = heap._malloc(input.length)
    const target = heap._malloc(capacity)
    if (source === 0 || target === 0) throw new AppError('transient', 'zstd.unavailable', 'no memory for libzstd')
    heap.HEAPU8.set(input, source)
    const length = work(target, source)
    const output = length === undefined ? undefined : heap.HEAPU8.slice(target, target + length)
    heap._free(target)
    heap._free(source)
    return output
  } catch (error) {
    await codec.drop()
    if (error instanceof AppError) throw error
    return undefined
  }
}

/** Loaded on first use, not with the page: it is large. The package keeps the one instance of this worker. */
async function load(): Promise<Codec> {
  const { Zstd } = await import('@hpcc-js/wasm-zstd').catch(unavailable)
  const drop = (): Promise<void> => Zstd.unload().catch(() => undefined)
  try {
    const { _mainModule, _zstdClass } = (await Zstd.load()) as unknown as Internals
    return { heap: _mainModule._module, lib: _zstdClass, drop }
  } catch (cause) {
    await drop()
    return unavailable(cause)
  }
}

function unavailable(cause: unknown): never {
  throw new AppError('transient', 'zstd.unavailable', 'the Zstandard codec cannot be loaded', { cause })
}
