import type { Bytes } from '../../base/bytes.ts'
import { lastName } from '../../formats/file-name.ts'
import type { ShareObject } from '../../formats/share.ts'
import type { Shelf, Shelves } from '../cache/shelf.ts'
import type { Journal } from '../journal.ts'
import type { FileEntry } from '../list/entry.ts'
import { OwnPieces } from './own.ts'
import type { PieceMap } from './piece.ts'
import { readPieces, type Fetcher, type FileReader } from './reader.ts'
import { SharedPieces, type SharedDeps } from './shared.ts'

/** Reads an own file whose pieces are all stored; with `shelves`, from copies on this device where there are any. */
export function ownReader({ id, record }: FileEntry, journal: Journal, fetcher: Fetcher, shelves: Shelves | undefined): FileReader {
  const shelf = (keep: boolean): Shelf | undefined => (keep ? shelves?.keeping(record.link) : shelves?.passing)
  return readerOf({ ...record, name: lastName(record.name) }, record.inline, () => new OwnPieces(id, record.pieces, journal), { fetcher, shelf })
}

/** Reads the file of a link; with `deps.shelf`, from copies on this device where there are any. */
export function sharedReader(share: ShareObject, deps: SharedDeps, fetcher: Fetcher): FileReader {
  const { content } = share
  const from = { fetcher, shelf: () => deps.shelf }
  if (content.kind === 'inline') return readerOf(share, content.bytes, undefined, from)
  return readerOf(share, undefined, () => new SharedPieces(content, deps), from)
}

function readerOf(
  { name, type, size, modified }: Pick<FileReader, 'name' | 'type' | 'size' | 'modified'>,
  inline: Bytes | undefined,
  pieces: (() => PieceMap) | undefined,
  { fetcher, shelf }: { readonly fetcher: Fetcher; readonly shelf: (keep: boolean) => Shelf | undefined },
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
      return readPieces(map, fetcher, span, { ...options, shelf: shelf(options.keep === true) })
    },
  }
}

async function* whole(bytes: Bytes | undefined): AsyncIterable<Bytes> {
  if (bytes !== undefined && bytes.length > 0) yield await Promise.resolve(bytes)
}
