import type { Journal } from '../journal.ts'
import type { FileEntry } from '../list/entry.ts'
import { piecesOf } from '../link/share.ts'
import { Chunk, isOpen } from './chunk.ts'
import { adopt } from './keeper.ts'
import type { Outbox } from './outbox.ts'

/**
 * Adds to `chunks` the sealed chunks of `file` that earlier runs left without all receipts, each once. They still have to be given to the
 * shipper, after the outbox was swept.
 */
export async function unfinishedChunks(file: FileEntry, chunks: Map<string, Chunk>, journal: Journal, outbox: Outbox): Promise<void> {
  for await (const { ref, sealed, name } of piecesOf(file.id, journal)) {
    if (!sealed.rows.some(({ state }) => isOpen(state))) continue
    const known = chunks.get(name)
    const chunk = known ?? new Chunk(name, sealed)
    if (known === undefined) {
      chunks.set(name, chunk)
      outbox.adopt(chunk)
    }
    // A stored file can be read while a chunk of it gets other hosts: it does not wait.
    if (file.record.status !== 'stored') adopt(chunk, file, ref.frame.size)
  }
}
