import { fromHex, toHex } from '../../base/bytes.ts'
import { AppError } from '../../base/errors.ts'
import { refRecord, sealedRecord, type RefRecord, type SealedRecord } from '../../formats/list.ts'
import { listKey } from '../../formats/list-key.ts'
import type { Journal } from '../journal.ts'
import type { PieceMap, PieceRow, PieceView } from './piece.ts'

/** The pieces of an own file, from the list. */
export class OwnPieces implements PieceMap {
  private starts: Promise<readonly number[]> | undefined
  private readonly id: Uint8Array
  private readonly journal: Journal

  /** `count` pieces, as the record of the file says. */
  constructor(id: string, count: number, journal: Journal) {
    this.id = fromHex(id)
    this.journal = journal
    if (count === 1) this.starts = Promise.resolve([0])
  }

  async pieceAt(offset: number): Promise<PieceView> {
    const starts = await this.index()
    const index = indexAt(starts, offset)
    const ref = await this.journal.read(listKey.ref(this.id, index), refRecord)
    const sealed = ref === undefined ? undefined : await this.journal.read(listKey.sealed(ref.sealed), sealedRecord)
    if (ref === undefined || sealed === undefined) throw new AppError('corrupt', 'list.damaged', 'a piece that is not in the list')
    return viewOf(ref, sealed, starts[index] ?? 0)
  }

  /** Where each piece starts; read once, and again after a failure. */
  private async index(): Promise<readonly number[]> {
    this.starts ??= this.readStarts()
    try {
      return await this.starts
    } catch (error) {
      this.starts = undefined
      throw error
    }
  }

  private async readStarts(): Promise<readonly number[]> {
    const starts: number[] = []
    let next = 0
    for await (const [, { frame }] of this.journal.entries(listKey.refs(this.id), refRecord)) {
      starts.push(next)
      next += frame.size
    }
    return starts
  }
}

/** The greatest index whose start is at most `offset`. */
export function indexAt(starts: readonly number[], offset: number): number {
  let low = 0
  let high = starts.length
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if ((starts[middle] ?? Infinity) <= offset) low = middle
    else high = middle
  }
  return low
}

/** Rows known to be bad are asked for only when there are not enough others. */
function viewOf(ref: RefRecord, sealed: SealedRecord, start: number): PieceView {
  const all: (PieceRow & { readonly bad: boolean })[] = []
  for (const [index, { host, state }] of sealed.rows.entries()) {
    const root = sealed.roots[index]
    if (host === undefined || root === undefined || state === 'none') continue
    all.push({ index, root: toHex(root), host: toHex(host), bad: state === 'bad' })
  }
  const good = all.filter(({ bad }) => !bad)
  const { k, shardSize, roots } = sealed
  return { start, frame: ref.frame, k, n: roots.length, shardSize, rows: good.length >= k ? good : all, sealed: toHex(ref.sealed) }
}
