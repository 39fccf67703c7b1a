import { AppError } from '../base/errors.ts'
import { fromBase64Url, fromHex, toBase64Url, toHex, type Bytes } from '../base/bytes.ts'
import { malformed } from './codec.ts'
import { SEALED_LOCKER } from './locker.ts'

/** What a record says: that of a link (docs/formats/objects.md 5) or of a locker (docs/formats/account.md 3). */
export type RecordValue =
  | {
      readonly kind: 'object'
      /** BLAKE3 of the sealed share object. */
      readonly name: Bytes
      /** Ed25519 keys of hosts that keep it, 32 bytes each. */
      readonly holders: readonly Bytes[]
    }
  | {
      readonly kind: 'locker'
      /** Nonce and box, `SEALED_LOCKER` bytes. */
      readonly sealed: Bytes
    }
  /** The file of a link was removed, or the locker was closed. */
  | { readonly kind: 'gone' }

/** What the record of a link may say. */
export type LinkValue = Exclude<RecordValue, { readonly kind: 'locker' }>

/** Holders named in a record: with these the path stays near 1 KiB of the 4 KiB that a record takes. */
export const RECORD_HOLDERS = 20

/** The path that is the record's value. */
export function formatRecordValue(value: RecordValue): string {
  if (value.kind === 'gone') return '/shoal/gone/1'
  if (value.kind === 'locker') {
    if (value.sealed.length !== SEALED_LOCKER) throw unencodable()
    return `/shoal/locker/1/${toBase64Url(value.sealed)}`
  }
  const sound = value.name.length === 32 && value.holders.every((key) => key.length === 32)
  if (!sound || value.holders.length > RECORD_HOLDERS) throw unencodable()
  return ['/shoal/object/1', toHex(value.name), ...value.holders.map(toBase64Url)].join('/')
}

/** The reverse. Throws `invalid` `format.version` for a version from the future, else `format.*`, `hex.malformed` or `base64.malformed`. */
export function parseRecordValue(path: string): RecordValue {
  const [root, shoal, kind, version, ...rest] = path.split('/')
  if (root !== '' || shoal !== 'shoal' || (kind !== 'object' && kind !== 'locker' && kind !== 'gone')) {
    throw malformed('format.magic', 'a record of something else')
  }
  if (version !== '1') throw malformed('format.version', `version ${String(version)} is not known here`)
  if (kind === 'object') return parseObject(rest)
  if (kind === 'locker') return parseLocker(rest)
  if (rest.length > 0) throw malformed('format.trailing', 'a path goes on after its end')
  return { kind }
}

/** As `parseRecordValue`, for the record of a link: a locker is something else there (`format.magic`). */
export function parseLinkValue(path: string): LinkValue {
  const value = parseRecordValue(path)
  if (value.kind === 'locker') throw malformed('format.magic', 'a locker is no link')
  return value
}

function parseObject([name, ...holders]: readonly string[]): RecordValue {
  if (name === undefined) throw malformed('format.short', 'a path ends too early')
  if (holders.length > RECORD_HOLDERS) throw malformed('format.range', 'too many holders')
  if (name.length !== 64 || holders.some((key) => key.length !== 43)) throw malformed('format.range', 'a name or key of another length')
  return { kind: 'object', name: fromHex(name), holders: holders.map(fromBase64Url) }
}

function parseLocker([sealed, ...more]: readonly string[]): RecordValue {
  if (sealed === undefined) throw malformed('format.short', 'a path ends too early')
  if (more.length > 0) throw malformed('format.trailing', 'a path goes on after its end')
  if (sealed.length !== Math.ceil((SEALED_LOCKER * 4) / 3)) throw malformed('format.range', 'a locker of another length')
  return { kind: 'locker', sealed: fromBase64Url(sealed) }
}

function unencodable(): AppError {
  return new AppError('bug', 'format.unencodable', 'a record value does not fit its format')
}
