import type { Bytes } from '../../base/bytes.ts'
import { asAppError, type AppError } from '../../base/errors.ts'
import { Drive, type DriveOptions } from '../../drive/drive.ts'
import { Mutex } from '../mutex.ts'
import type { Journal } from '../journal.ts'
import { LocalLog } from './local-log.ts'

/** The drive of this device, and what it has on disk of it. */
export class OwnDrive {
  readonly drive: Drive
  private readonly log: LocalLog
  private readonly writing = new Mutex()
  /** Taken from the drive, and not durable: a write failed. */
  private owed: Bytes | undefined

  private readonly report: (error: AppError) => void

  private constructor(drive: Drive, log: LocalLog, report: (error: AppError) => void) {
    this.drive = drive
    this.log = log
    this.report = report
  }

  /** Reads the drive; an empty one at the first run. Errors as `MetaStore`; `invalid` `format.*`; `corrupt` `drive.damaged`. */
  static async open(journal: Journal, options: DriveOptions & { readonly report: (error: AppError) => void }): Promise<OwnDrive> {
    const log = new LocalLog(journal)
    return new OwnDrive(Drive.open(await log.load(), options), log, options.report)
  }

  /**
   * Makes all changes of the drive so far durable; what a person did is shown as done only then. Resolves to them as one update, `undefined` when there were none. Errors as
   * `MetaStore.batch`: then they are in the drive still, and the next call writes them, too. That the log could not be merged is only told.
   */
  save(): Promise<Bytes | undefined> {
    return this.writing.run(async () => {
      const fresh = this.drive.takeChanges()
      const both = [this.owed, fresh].flatMap((update) => (update === undefined ? [] : [update]))
      this.owed = both.length > 1 ? Drive.merge(both) : both[0]
      const change = this.owed
      if (change === undefined) return undefined
      await this.log.append(change)
      this.owed = undefined
      if (this.log.isLong) await this.log.replace(this.drive.snapshot()).catch((error: unknown) => this.report(asAppError(error)))
      return change
    })
  }
}
