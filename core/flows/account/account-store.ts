import { concat, equal, utf8, type Bytes } from '../../base/bytes.ts'
import { isAppError, type AppError } from '../../base/errors.ts'
import { LABELS } from '../../base/labels.ts'
import { SECRET } from '../../account/keys.ts'
import type { LockerKeys } from '../../account/locker.ts'
import { accountRecord, type AccountRecord } from '../../formats/account-record.ts'
import { listKey } from '../../formats/list-key.ts'
import type { KeyWrap } from '../../ports/key-wrap.ts'
import { keyFromSeed } from '../../seal/ed25519.ts'
import { put, type Journal } from '../journal.ts'
import type { Secrets } from '../list/secrets.ts'
import { Mutex } from '../mutex.ts'

export interface AccountStoreDeps {
  readonly journal: Journal
  readonly keyWrap: KeyWrap
  readonly secrets: Pick<Secrets, 'own'>
  readonly report: (error: AppError) => void
}

/** The account record of the device (docs/formats/list.md): one change after another, each durable before it counts. */
export class AccountStore {
  private record: AccountRecord | undefined
  private readonly changes = new Mutex()
  private readonly deps: AccountStoreDeps

  constructor(deps: AccountStoreDeps) {
    this.deps = deps
  }

  /** Without the secret that it was written for, which then did not open, a record is none: another master must not go by its name. */
  async load(): Promise<void> {
    const record = await this.deps.journal.read(listKey.account, accountRecord)
    this.record = record !== undefined && equal(record.secret, this.deps.secrets.own) ? record : undefined
  }

  get value(): AccountRecord | undefined {
    return this.record
  }

  /** Writes what `change` makes of the record, durably; nothing when that is the same record. */
  update(change: (now: AccountRecord | undefined) => AccountRecord | undefined): Promise<void> {
    return this.changes.run(async () => {
      const next = change(this.record)
      if (next === undefined || next === this.record) return
      await this.deps.journal.write([put(listKey.account, accountRecord, next)], { strict: true })
      this.record = next
    })
  }

  wrap({ recordSeed, wrappingKey }: LockerKeys): Promise<Bytes> {
    return this.deps.keyWrap.wrap(concat([recordSeed, wrappingKey]), this.about())
  }

  /** `undefined` for keys that do not open, which is told. */
  async unwrap(wrapped: Bytes): Promise<LockerKeys | undefined> {
    try {
      const keys = await this.deps.keyWrap.unwrap(wrapped, this.about())
      const recordSeed = keys.slice(0, SECRET)
      return { recordSeed, recordName: keyFromSeed(recordSeed), wrappingKey: keys.slice(SECRET) }
    } catch (error) {
      if (!isAppError(error, 'corrupt')) throw error
      this.deps.report(error)
      return undefined
    }
  }

  private about(): Bytes {
    return concat([utf8(LABELS.keptLocker), this.deps.secrets.own])
  }
}
