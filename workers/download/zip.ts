import { makeZip, predictLength } from 'client-zip'
import { concat } from '../../core/base/bytes.ts'
import type { ByteRange } from './http.ts'
import type { FileSource } from './stream.ts'

/** A file of a ZIP. */
export interface ZipMember {
  /** With folders joined by `/`. */
  readonly path: string
  /** Milliseconds since 1970. */
  readonly modified: number
  readonly source: FileSource
}

/** Files up to this size are read ahead whole, so many of them and so many bytes at most: about one pack, the next of which then comes while this one is sent. */
const SMALL = 1024 * 1024
const AHEAD_FILES = 512
const AHEAD_BYTES = 8 * 1024 * 1024

/** A ZIP comes in bits of a few bytes (heads and checksums); so many together go out as one part. */
const WORTH = 256 * 1024

/**
 * One ZIP file (APPNOTE 6.3, ZIP64 where it is needed) of `members` in their order, not compressed a second time. Whoever reads it from the middle
 * waits until what comes before was read once more: the checksums of all files stand at its end.
 */
export function zipOf(name: string, members: readonly ZipMember[]): FileSource {
  const entries = members.map(({ path, modified, source }) => ({ name: path, lastModified: new Date(modified), size: source.head.size }))
  return {
    head: { name, type: 'application/zip', size: Number(predictLength(entries)) },
    read: (range, signal, tell) => {
      const inputs = readAhead(members.map(({ source }) => source), signal, tell)
      return within(range, makeZip(named(entries, inputs)))
    },
  }
}

async function* named<E extends object>(entries: readonly E[], inputs: AsyncIterable<AsyncIterable<Uint8Array>>): AsyncIterable<E & { input: AsyncIterable<Uint8Array> }> {
  let next = 0
  for await (const input of inputs) {
    const entry = entries[next++]
    if (entry !== undefined) yield { ...entry, input }
  }
}

type Tell = Parameters<FileSource['read']>[2]

/** The bytes of each source in turn, small ones fetched before it is theirs. */
async function* readAhead(sources: readonly FileSource[], signal: AbortSignal, tell: Tell): AsyncIterable<AsyncIterable<Uint8Array>> {
  const ahead: { readonly bytes: number; readonly input: AsyncIterable<Uint8Array> }[] = []
  let held = 0
  let next = 0
  const start = (source: FileSource): void => {
    const { size } = source.head
    const whole = { start: 0, end: size }
    const bytes = size <= SMALL ? size : 0
    held += bytes
    ahead.push({ bytes, input: size <= SMALL ? early(source.read(whole, signal, tell)) : source.read(whole, signal, tell) })
  }
  while (next < sources.length || ahead.length > 0) {
    for (let source = sources[next]; source !== undefined && fits(ahead.length, held); source = sources[++next]) start(source)
    const first = ahead.shift()
    if (first === undefined) return
    yield first.input
    held -= first.bytes
  }
}

function fits(files: number, bytes: number): boolean {
  return files === 0 || (files < AHEAD_FILES && bytes < AHEAD_BYTES)
}

/** `source`, read into memory from now on. */
function early(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const parts = collect(source)
  // Told when it is its turn, not before.
  parts.catch(() => undefined)
  return (async function* () {
    yield* await parts
  })()
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = []
  for await (const part of source) parts.push(part)
  return parts
}

/** The bytes of `range` of all that `stream` gives, in parts that are worth a message. */
async function* within({ start, end }: ByteRange, stream: ReadableStream<Uint8Array>): AsyncIterable<Uint8Array> {
  const reader = stream.getReader()
  let parts: Uint8Array[] = []
  let held = 0
  try {
    for (let at = 0; at < end; ) {
      const { value, done } = await reader.read()
      if (done) break
      const part = value.subarray(Math.max(0, start - at), Math.max(0, end - at))
      at += value.length
      // An empty view would keep what is under it until the range begins.
      if (part.length > 0) parts.push(part)
      held += part.length
      if (held < WORTH && at < end) continue
      yield concat(parts)
      parts = []
      held = 0
    }
    if (held > 0) yield concat(parts)
  } finally {
    // It rejects with what it is given, which nobody needs to hear again.
    await reader.cancel().catch(() => undefined)
  }
}
