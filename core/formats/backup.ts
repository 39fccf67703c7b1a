import { AppError } from '../base/errors.ts'
import { concat, equal, utf8, type Bytes } from '../base/bytes.ts'
import type { Blake3 } from '../ports/blake3.ts'
import { bytes, decode, encode, list, malformed, refined, struct, text, uint, versioned, type Codec } from './codec.ts'
import { checkListEntry } from './list-key.ts'

/** One entry of the list on a device, as it lies in the index. */
export interface ListEntry {
  readonly key: string
  readonly value: Bytes
}

/** The saved list of a device (docs/formats/list.md). Holds the device secret: never show, log or send it. */
export interface Backup {
  /** Milliseconds since 1970. */
  readonly created: number
  /** In ascending order of key, without what is of the device alone (`isBackedUp`). */
  readonly entries: readonly ListEntry[]
}

const MAGIC = utf8('SHOALLST')
const HASH = 32
/** An index of this many entries is over 1 GiB already. */
const BACKUP_ENTRIES = 2 ** 24
const VALUE_BYTES = 1024 * 1024

const body: Codec<Backup> = versioned(
  1,
  struct<Backup>({
    created: uint(),
    entries: refined(
      list(struct<ListEntry>({ key: text(200), value: bytes(VALUE_BYTES) }), BACKUP_ENTRIES),
      (entries) => (entries.every((one, i) => i === 0 || (entries[i - 1]?.key ?? '') < one.key) ? undefined : 'keys out of order'),
    ),
  }),
)

/** What no backup holds: the account, which is of the device; what was seen of hosts; the drive, whose updates of two devices are merged and not put beside each other; its parts; and what this device published of it. */
const LEFT_OUT = ['account', 'host/', 'drive/', 'part/', 'named/', 'sync']

/** Whether an entry belongs in a backup. */
export function isBackedUp(key: string): boolean {
  return LEFT_OUT.every((prefix) => !key.startsWith(prefix))
}

/** The backup file of `backup`, whose entries are in key order. */
export function encodeBackup(backup: Backup, blake3: Blake3): Bytes {
  const whole = concat([MAGIC, encode(body, backup)])
  return concat([whole, blake3.hash(whole)])
}

/**
 * The reverse. Every entry was checked by its codec. Throws `invalid` `format.magic` when the file is something else, `format.version` when it
 * comes from a newer Shoal, `corrupt` `backup.damaged` when bytes changed or are missing, else `invalid` `format.*`.
 */
export function decodeBackup(file: Uint8Array, blake3: Blake3): Backup {
  if (!equal(file.subarray(0, MAGIC.length), MAGIC)) throw malformed('format.magic', 'not a backup of a list')
  const version = file[MAGIC.length]
  if (version !== undefined && version > 1) throw malformed('format.version', `version ${String(version)} is not known here`)
  const whole = file.subarray(0, Math.max(0, file.length - HASH))
  if (file.length < MAGIC.length + HASH || !equal(blake3.hash(whole), file.subarray(whole.length))) {
    throw new AppError('corrupt', 'backup.damaged', 'the backup is incomplete or was changed')
  }
  const backup = decode(body, whole.subarray(MAGIC.length))
  for (const { key, value } of backup.entries) {
    if (!isBackedUp(key)) throw malformed('format.range', 'an entry that no backup holds')
    checkListEntry(key, value)
  }
  return backup
}
