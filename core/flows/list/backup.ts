import { fromHex, own, type Bytes } from '../../base/bytes.ts'
import { decodeBackup, encodeBackup, isBackedUp, type ListEntry } from '../../formats/backup.ts'
import { decode, encode } from '../../formats/codec.ts'
import { fileRecord, secretRecord } from '../../formats/list.ts'
import { listKey } from '../../formats/list-key.ts'
import type { Blake3 } from '../../ports/blake3.ts'
import type { MetaChange, MetaStore } from '../../ports/meta-store.ts'
import type { Journal } from '../journal.ts'
import type { Secrets } from './secrets.ts'

/** Entries of a backup written in one batch. */
const BATCH = 256

/** The backup file of the whole list (docs/formats/list.md). It holds the secrets themselves. */
export async function backUp(meta: MetaStore, secrets: Secrets, now: number, blake3: Blake3): Promise<Bytes> {
  const entries: ListEntry[] = []
  const parts = new Set<string>()
  for await (const [key] of meta.range('part/')) parts.add(key.slice('part/'.length))
  // Parts of the drive belong to the device whose head names them: another one would release them.
  const isOfPart = (key: string): boolean => key.split('/').some((word) => parts.has(word))
  for await (const [key, value] of meta.range('')) {
    const kept = key.startsWith('secret/') ? bare(key, secrets) : own(value)
    if (kept !== undefined && isBackedUp(key) && !isOfPart(key)) entries.push({ key, value: kept })
  }
  entries.sort((a, b) => (a.key < b.key ? -1 : 1))
  return encodeBackup({ created: Math.max(0, Math.floor(now)), entries }, blake3)
}

/** The value of a secret that opens on any device; `undefined` for one that does not open here. */
function bare(key: string, secrets: Secrets): Bytes | undefined {
  const secret = secrets.secretOf(fromHex(key.slice('secret/'.length)))
  return secret === undefined ? undefined : encode(secretRecord, secret)
}

/** What the file withstood when the backup was made is not taken over: hosts are asked again. */
function unproved(value: Bytes): Bytes {
  return encode(fileRecord, { ...decode(fileRecord, value), health: undefined })
}

/**
 * Merges a backup file into the list: what is there stays as it is, secrets and all else that is missing come in. Files come last, so that a
 * file of the list always has its pieces. Errors: as `decodeBackup`; as `MetaStore.batch`.
 */
export async function restoreBackup(file: Bytes, meta: MetaStore, journal: Journal, blake3: Blake3): Promise<void> {
  const { entries } = decodeBackup(file, blake3)
  const isFile = ({ key }: ListEntry): boolean => key.startsWith('file/')
  const ordered = [...entries.filter((entry) => !isFile(entry)), ...entries.filter(isFile)]
  let batch: MetaChange[] = []
  for (const { key, value } of ordered) {
    if (key === listKey.ownSecret || (await meta.get(key)) !== undefined) continue
    batch.push({ put: key, value: isFile({ key, value }) ? unproved(value) : value })
    if (batch.length < BATCH) continue
    await journal.write(batch, { strict: true })
    batch = []
  }
  if (batch.length > 0) await journal.write(batch, { strict: true })
}
