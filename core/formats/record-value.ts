import { AppError } from '../base/errors.ts'
import { fromBase64Url, fromHex, toBase64Url, toHex, type Bytes } from '../base/bytes.ts'
import { malformed } from './codec.ts'

/** What the record of a link says (docs/formats/objects.md 5). */
export type RecordValue =
  | {
      readonly kind: 'object'
      /** BLAKE3 of the sealed share object. */
      readonly name: Bytes
      /** Ed25519 keys of hosts that keep it, 32 bytes each. */
      readonly holders: readonly Bytes[]
    }
  | { readonly kind: 'gone' }

/** Holders named in a record: with these the path stays near 1 KiB of the 4 KiB that a record takes. */
export const RECORD_HOLDERS = 20

/** The path that is the record's value. */
export function formatRecordValue(value: RecordValue): string {
  if (value.kind === 'gone') return '/shoal/gone/1'
  const sound = value.name.length === 32 && value.holders.every((key) => key.length === 32)
  if (!sound || value.holders.length > RECORD_HOLDERS) {
    throw new AppError('bug', 'format.unencodable', 'a record value does not fit its format')
  }
  return ['/shoal/object/1', toHex(value.name), ...value.holders.map(toBase64Url)].join('/')
}

/** The reverse. Throws `invalid` `format.version` for a version from the future, else `format.*`, `hex.malformed` or `base64.malformed`. */
export function parseRecordValue(path: string): RecordValue {
  const [root, shoal, kind, version, name, ...holders] = path.split('/')
  if (root !== '' || shoal !== 'shoal' || (kind !== 'object' && kind !== 'gone')) {
    throw malformed('format.magic', 'a record of something else')
  }
  if (version !== '1') throw malformed('format.version', `version ${String(version)} is not known here`)
  if (kind === 'gone') {
    if (name !== undefined) throw malformed('format.trailing', 'a path goes on after its end')
    return { kind }
  }
  if (name === undefined) throw malformed('format.short', 'a path ends too early')
  if (holders.length > RECORD_HOLDERS) throw malformed('format.range', 'too many holders')
  if (name.length !== 64 || holders.some((key) => key.length !== 43)) throw malformed('format.range', 'a name or key of another length')
  return { kind, name: fromHex(name), holders: holders.map(fromBase64Url) }
}
