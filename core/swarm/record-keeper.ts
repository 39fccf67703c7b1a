import { asAppError, type AppError } from '../base/errors.ts'
import { Gate } from '../base/gate.ts'
import type { Clock } from '../ports/clock.ts'
import type { Records } from '../ports/network.ts'
import { REPUBLISH_LANES, REPUBLISH_STEP } from './limits.ts'
import type { HeldRecord } from './vault-objects.ts'

export interface RecordKeeperOptions {
  readonly objects: { records(): AsyncIterable<HeldRecord> }
  readonly records: Pick<Records, 'publish'>
  readonly clock: Clock
  readonly report: (error: AppError) => void
}

/**
 * Publishes the records that a host holds, at once and every 6 hours, until `signal` fires: their owners may be away for months.
 * A record that could not be published is reported, and tried again with the next round.
 */
export async function keepRecords(options: RecordKeeperOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await publishAll(options, signal)
    try {
      await options.clock.sleep(REPUBLISH_STEP, signal)
    } catch {
      return
    }
  }
}

async function publishAll({ objects, records, clock, report }: RecordKeeperOptions, signal: AbortSignal): Promise<void> {
  const lanes = new Gate(REPUBLISH_LANES)
  const publish = async ({ name, record }: HeldRecord) => {
    try {
      await records.publish(name, record, { signal })
    } catch (error) {
      if (!signal.aborted) report(asAppError(error, 'transient', 'record.unpublished'))
    } finally {
      lanes.leave(1)
    }
  }
  try {
    for await (const held of objects.records()) {
      if (held.expires * 1000 <= clock.now()) continue
      await lanes.enter(1, signal)
      void publish(held)
    }
  } catch (error) {
    if (!signal.aborted) report(asAppError(error))
  }
  // All lanes at once: every publication has ended.
  await lanes.enter(REPUBLISH_LANES)
}
