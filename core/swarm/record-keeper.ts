import { asAppError, type AppError } from '../base/errors.ts'
import { Gate } from '../base/gate.ts'
import type { Clock } from '../ports/clock.ts'
import type { Records } from '../ports/network.ts'
import { REPUBLISH_FIRST, REPUBLISH_LANES, REPUBLISH_STEP } from './limits.ts'
import type { HeldRecord } from './vault-objects.ts'

export interface RecordKeeperOptions {
  readonly objects: { records(): AsyncIterable<HeldRecord> }
  readonly records: Pick<Records, 'publish'>
  readonly clock: Clock
  readonly report: (error: AppError) => void
}

/**
 * Publishes the records that a host holds, at once and every 6 hours, until `signal` fires: their owners may be away for months.
 * A record that could not be published is reported, and tried again with the next round. A round of which no server took anything is repeated soon: after a
 * power cut hosts are up before those who could be asked.
 */
export async function keepRecords(options: RecordKeeperOptions, signal: AbortSignal): Promise<void> {
  let soon = REPUBLISH_FIRST
  while (!signal.aborted) {
    const heard = await publishAll(options, signal)
    const wait = heard ? REPUBLISH_STEP : soon
    soon = heard ? REPUBLISH_FIRST : Math.min(REPUBLISH_STEP, 2 * soon)
    try {
      await options.clock.sleep(wait, signal)
    } catch {
      return
    }
  }
}

/** Resolves to whether a server took one of the records, or there are none. */
async function publishAll({ objects, records, clock, report }: RecordKeeperOptions, signal: AbortSignal): Promise<boolean> {
  let begun = 0
  let taken = 0
  const lanes = new Gate(REPUBLISH_LANES)
  const publish = async ({ name, record }: HeldRecord) => {
    try {
      if ((await records.publish(name, record, { signal })) > 0) taken++
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
      begun++
      void publish(held)
    }
  } catch (error) {
    if (!signal.aborted) report(asAppError(error))
  }
  // All lanes at once: every publication has ended.
  await lanes.enter(REPUBLISH_LANES)
  return taken > 0 || begun === 0
}
