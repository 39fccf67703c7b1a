// What core may know of the platform it runs on: the few globals that browsers, their workers and Node share.
// No clock, no timers, no randomness, no network, no files: those are ports. The shapes are those of TypeScript's own
// libraries, cut down, so that a room with lib DOM or @types/node sees the same types under the same names.
// Add a global here only when every runtime has it.

type BufferSource = ArrayBufferView<ArrayBuffer> | ArrayBuffer

// --- cancelling

interface AbortSignal {
  readonly aborted: boolean
  readonly reason: unknown
  throwIfAborted(): void
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean; signal?: AbortSignal }): void
  removeEventListener(type: 'abort', listener: () => void): void
}
declare var AbortSignal: {
  prototype: AbortSignal
  abort(reason?: unknown): AbortSignal
  any(signals: Iterable<AbortSignal>): AbortSignal
}
interface AbortController {
  readonly signal: AbortSignal
  abort(reason?: unknown): void
}
declare var AbortController: { prototype: AbortController; new (): AbortController }

// --- text

interface TextEncoder {
  encode(input?: string): Uint8Array<ArrayBuffer>
  encodeInto(source: string, destination: Uint8Array): { read: number; written: number }
}
declare var TextEncoder: { prototype: TextEncoder; new (): TextEncoder }
interface TextDecoder {
  readonly fatal: boolean
  readonly ignoreBOM: boolean
  decode(input?: AllowSharedBufferSource, options?: { stream?: boolean }): string
}
type AllowSharedBufferSource = ArrayBufferLike | ArrayBufferView
declare var TextDecoder: {
  prototype: TextDecoder
  new (label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean }): TextDecoder
}

// --- cryptography (WebCrypto; drawing randomness is a port)

type KeyUsage = 'decrypt' | 'deriveBits' | 'deriveKey' | 'encrypt' | 'sign' | 'unwrapKey' | 'verify' | 'wrapKey'
type KeyType = 'private' | 'public' | 'secret'
interface CryptoKey {
  readonly algorithm: { name: string }
  readonly extractable: boolean
  readonly type: KeyType
  readonly usages: KeyUsage[]
}
interface AesGcmParams {
  name: string
  iv: BufferSource
  additionalData?: BufferSource
  tagLength?: number
}
interface HkdfParams {
  name: string
  hash: string
  info: BufferSource
  salt: BufferSource
}
interface HmacImportParams {
  name: string
  hash: string
  length?: number
}
interface SubtleCrypto {
  digest(algorithm: string, data: BufferSource): Promise<ArrayBuffer>
  encrypt(algorithm: AesGcmParams, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer>
  decrypt(algorithm: AesGcmParams, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer>
  sign(algorithm: string, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer>
  verify(algorithm: string, key: CryptoKey, signature: BufferSource, data: BufferSource): Promise<boolean>
  deriveBits(algorithm: HkdfParams, baseKey: CryptoKey, length?: number | null): Promise<ArrayBuffer>
  importKey(
    format: 'pkcs8' | 'raw' | 'spki',
    keyData: BufferSource,
    algorithm: HmacImportParams | string,
    extractable: boolean,
    keyUsages: readonly KeyUsage[],
  ): Promise<CryptoKey>
  exportKey(format: 'pkcs8' | 'raw' | 'spki', key: CryptoKey): Promise<ArrayBuffer>
}
interface Crypto {
  readonly subtle: SubtleCrypto
}
declare var crypto: Crypto

// --- streams, compression, blobs

interface ReadableStreamReadDoneResult<T> {
  done: true
  value: T | undefined
}
interface ReadableStreamReadValueResult<T> {
  done: false
  value: T
}
type ReadableStreamReadResult<T> = ReadableStreamReadDoneResult<T> | ReadableStreamReadValueResult<T>
interface ReadableStreamDefaultReader<R = unknown> {
  readonly closed: Promise<void>
  read(): Promise<ReadableStreamReadResult<R>>
  cancel(reason?: unknown): Promise<void>
  releaseLock(): void
}
interface ReadableStreamBYOBReader {
  read<T extends ArrayBufferView>(view: T): Promise<ReadableStreamReadResult<T>>
  cancel(reason?: unknown): Promise<void>
}
interface ReadableStreamDefaultController<R = unknown> {
  readonly desiredSize: number | null
  enqueue(chunk?: R): void
  close(): void
  error(reason?: unknown): void
}
interface UnderlyingDefaultSource<R = unknown> {
  type?: undefined
  start?: (controller: ReadableStreamDefaultController<R>) => unknown
  pull?: (controller: ReadableStreamDefaultController<R>) => void | PromiseLike<void>
  cancel?: (reason?: unknown) => void | PromiseLike<void>
}
interface QueuingStrategy<T = unknown> {
  highWaterMark?: number
  size?: (chunk: T) => number
}
interface StreamPipeOptions {
  preventAbort?: boolean
  preventCancel?: boolean
  preventClose?: boolean
  signal?: AbortSignal
}
interface ReadableStream<R = unknown> {
  readonly locked: boolean
  cancel(reason?: unknown): Promise<void>
  getReader(options: { mode: 'byob' }): ReadableStreamBYOBReader
  getReader(): ReadableStreamDefaultReader<R>
  pipeThrough<T>(
    transform: { readable: ReadableStream<T>; writable: WritableStream<R> },
    options?: StreamPipeOptions,
  ): ReadableStream<T>
  pipeTo(destination: WritableStream<R>, options?: StreamPipeOptions): Promise<void>
}
declare var ReadableStream: {
  prototype: ReadableStream
  new <R = unknown>(source?: UnderlyingDefaultSource<R>, strategy?: QueuingStrategy<R>): ReadableStream<R>
}
interface WritableStreamDefaultWriter<W = unknown> {
  readonly closed: Promise<void>
  readonly desiredSize: number | null
  readonly ready: Promise<void>
  write(chunk?: W): Promise<void>
  close(): Promise<void>
  abort(reason?: unknown): Promise<void>
  releaseLock(): void
}
interface WritableStream<W = unknown> {
  readonly locked: boolean
  getWriter(): WritableStreamDefaultWriter<W>
  close(): Promise<void>
  abort(reason?: unknown): Promise<void>
}
type CompressionFormat = 'deflate' | 'deflate-raw' | 'gzip'
interface CompressionStream {
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>
  readonly writable: WritableStream<BufferSource>
}
declare var CompressionStream: { prototype: CompressionStream; new (format: CompressionFormat): CompressionStream }
interface DecompressionStream {
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>
  readonly writable: WritableStream<BufferSource>
}
declare var DecompressionStream: { prototype: DecompressionStream; new (format: CompressionFormat): DecompressionStream }

interface Blob {
  readonly size: number
  readonly type: string
  arrayBuffer(): Promise<ArrayBuffer>
  slice(start?: number, end?: number, contentType?: string): Blob
  stream(): ReadableStream<Uint8Array<ArrayBuffer>>
}
declare var Blob: { prototype: Blob; new (parts?: (BufferSource | Blob | string)[], options?: { type?: string }): Blob }

declare function structuredClone<T>(value: T, options?: { transfer?: ArrayBuffer[] }): T

// --- WebAssembly (the kernels)

declare namespace WebAssembly {
  interface MemoryDescriptor {
    initial: number
    maximum?: number
    shared?: boolean
  }
  interface Memory {
    readonly buffer: ArrayBuffer
    grow(delta: number): number
  }
  var Memory: { prototype: Memory; new (descriptor: MemoryDescriptor): Memory }
  interface Module {
    readonly [moduleBrand]: true
  }
  var Module: { prototype: Module; new (bytes: BufferSource): Module }
  const moduleBrand: unique symbol
  type ImportValue = Function | Memory | number
  type ExportValue = Function | Memory | number
  type Imports = Record<string, Record<string, ImportValue>>
  type Exports = Record<string, ExportValue>
  interface Instance {
    readonly exports: Exports
  }
  var Instance: { prototype: Instance; new (module: Module, imports?: Imports): Instance }
  function compile(bytes: BufferSource): Promise<Module>
  function instantiate(module: Module, imports?: Imports): Promise<Instance>
  function validate(bytes: BufferSource): boolean
}
