import { toHex } from '../base/bytes.ts'
import { accountRecord } from './account-record.ts'
import { decode, malformed, type Codec } from './codec.ts'
import {
  driveFragment,
  fileRecord,
  hostRecord,
  nodeRecord,
  ownSecret,
  pieceRecord,
  refRecord,
  releaseRecord,
  sealedRecord,
  secretRecord,
} from './list.ts'
import { decodeReceipt } from './receipt.ts'
import { syncRecord } from './sync.ts'

/** Keys of the list on a device (docs/formats/list.md); all arguments are bytes but `index`. */
export const listKey = {
  secret: (fingerprint: Uint8Array): string => `secret/${toHex(fingerprint)}`,
  ownSecret: 'secret-own',
  account: 'account',
  file: (id: Uint8Array): string => `file/${toHex(id)}`,
  part: (id: Uint8Array): string => `part/${toHex(id)}`,
  named: (id: Uint8Array): string => `named/${toHex(id)}`,
  ref: (id: Uint8Array, index: number): string => `ref/${toHex(id)}/${hex8(index)}`,
  refs: (id: Uint8Array): string => `ref/${toHex(id)}/`,
  piece: (chunkId: Uint8Array): string => `piece/${toHex(chunkId)}`,
  sealed: (name: Uint8Array): string => `sealed/${toHex(name)}`,
  use: (name: Uint8Array, id: Uint8Array): string => `use/${toHex(name)}/${toHex(id)}`,
  uses: (name: Uint8Array): string => `use/${toHex(name)}/`,
  lease: (leaseId: Uint8Array): string => `lease/${toHex(leaseId)}`,
  host: (key: Uint8Array): string => `host/${toHex(key)}`,
  node: (name: Uint8Array): string => `node/${toHex(name)}`,
  drive: (generation: number, index: number): string => `drive/${hex8(generation)}/${hex8(index)}`,
  sync: 'sync',
  release: (host: Uint8Array, leaseId: Uint8Array): string => `release/${toHex(host)}/${toHex(leaseId)}`,
  releases: (host: Uint8Array): string => `release/${toHex(host)}/`,
} as const

function hex8(number: number): string {
  return number.toString(16).padStart(8, '0')
}

type Check = (value: Uint8Array) => unknown

const of =
  (codec: Codec<unknown>): Check =>
  (value) =>
    decode(codec, value)

function empty(value: Uint8Array): void {
  if (value.length > 0) throw malformed('format.trailing', 'a value where none belongs')
}

const ENTRIES: readonly (readonly [key: RegExp, check: Check])[] = [
  [/^secret\/[0-9a-f]{16}$/, of(secretRecord)],
  [/^secret-own$/, of(ownSecret)],
  [/^account$/, of(accountRecord)],
  [/^file\/[0-9a-f]{32}$/, of(fileRecord)],
  [/^part\/[0-9a-f]{32}$/, empty],
  [/^named\/[0-9a-f]{32}$/, empty],
  [/^ref\/[0-9a-f]{32}\/[0-9a-f]{8}$/, of(refRecord)],
  [/^piece\/[0-9a-f]{64}$/, of(pieceRecord)],
  [/^sealed\/[0-9a-f]{64}$/, of(sealedRecord)],
  [/^use\/[0-9a-f]{64}\/[0-9a-f]{32}$/, empty],
  [/^lease\/[0-9a-f]{32}$/, decodeReceipt],
  [/^host\/[0-9a-f]{64}$/, of(hostRecord)],
  [/^node\/[0-9a-f]{64}$/, of(nodeRecord)],
  [/^drive\/[0-9a-f]{8}\/[0-9a-f]{8}$/, of(driveFragment)],
  [/^sync$/, of(syncRecord)],
  [/^release\/[0-9a-f]{64}\/[0-9a-f]{32}$/, of(releaseRecord)],
]

/** Checks one entry of the list: a key of docs/formats/list.md with a value that its codec reads. Throws `invalid` `format.*`. */
export function checkListEntry(key: string, value: Uint8Array): void {
  const entry = ENTRIES.find(([pattern]) => pattern.test(key))
  if (entry === undefined) throw malformed('format.range', 'not a key of the list')
  entry[1](value)
}
