import type { Bytes } from '../../base/bytes.ts'
import { lastName } from '../../formats/file-name.ts'
import type { ShareObject } from '../../formats/share.ts'
import type { Journal } from '../journal.ts'
import type { FileEntry } from '../list/entry.ts'
import { OwnPieces } from './own.ts'
import type { PieceMap } from './piece.ts'
import { readPieces, type Fetcher, type FileReader } from './reader.ts'
import { SharedPieces, type SharedDeps } from './shared.ts'

/** Reads an own file whose pieces are all stored. */
export function ownReader({ id, record }: FileEntry, journal: Journal, fetcher: Fetcher): FileReader {
  return readerOf({ ...record, name: lastName(record.name) }, record.inline, () => new OwnPieces(id, record.pieces, journal), fetcher)
}

/** Reads the file of a link. */
export function sharedReader(share: ShareObject, deps: SharedDeps, fetcher: Fetcher): FileReader {
  const { content } = share
  if (content.kind === 'inline') return readerOf(share, content.bytes, undefined, fetcher)
  return readerOf(share, undefined, () => new SharedPieces(content, deps), fetcher)
}

function readerOf(
  { name, type, size, modified }: Pick<FileReader, 'name' | 'type' | 'size' | 'modified'>,
  inline: Bytes | undefined,
  pieces: (() => PieceMap) | undefined,
  fetcher: Fetcher,
): FileReader {
  const map = inline === undefined ? pieces?.() : undefined
  return {
    name,
    type,
    size,
    modified,
    read(offset, length, options = {}) {
      const span = { offset: Math.min(Math.max(0, offset), size), end: Math.min(size, Math.max(0, offset) + length) }
      if (map === undefined) return whole(inline?.slice(span.offset, span.end))
      return readPieces(map, fetcher, span, options)
    },
  }
}

async function* whole(bytes: Bytes | undefined): AsyncIterable<Bytes> {
  if (bytes !== undefined && bytes.length > 0) yield await Promise.resolve(bytes)
}
