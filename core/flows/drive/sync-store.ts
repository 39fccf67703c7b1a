import { utf8 } from '../../base/bytes.ts'
import { emptyLog } from '../../drive/log.ts'
import { DEVICE_NAME } from '../../formats/head.ts'
import { listKey } from '../../formats/list-key.ts'
import { DEVICE_ID, syncRecord, type SyncRecord } from '../../formats/sync.ts'
import { put } from '../journal.ts'
import { EMPTY_VECTOR, type SyncDeps } from './sync-deps.ts'

/** What this device remembers of heads, its own and others': in memory, and in the list. */
export class SyncStore {
  record: SyncRecord
  private readonly deps: SyncDeps

  constructor(deps: SyncDeps) {
    this.deps = deps
    this.record = {
      index: undefined,
      device: deps.random.bytes(DEVICE_ID),
      name: fitName(deps.deviceName),
      sequence: 0,
      tried: 0,
      attempted: 0,
      written: 0,
      log: emptyLog(),
      parts: [],
      placed: false,
      dirty: false,
      vector: EMPTY_VECTOR,
      others: [],
      dropped: [],
    }
  }

  /** Reads what earlier runs left. Errors as `MetaStore.get`; `invalid` `format.*`. */
  async load(): Promise<void> {
    this.record = (await this.deps.journal.read(listKey.sync, syncRecord)) ?? this.record
  }

  /** Changes fields, in memory at once; resolves when that is durable. Errors as `MetaStore.batch`. */
  async update(fields: Partial<SyncRecord>): Promise<void> {
    this.record = { ...this.record, ...fields }
    this.deps.changed()
    await this.deps.journal.write([put(listKey.sync, syncRecord, this.record)], { strict: true })
  }
}

/** A name of at most as many bytes as a head has room for. */
function fitName(name: string): string {
  const characters = Array.from(name.toWellFormed())
  while (utf8(characters.join('')).length > DEVICE_NAME) characters.pop()
  return characters.join('')
}
