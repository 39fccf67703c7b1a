import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { AppError } from '../../base/errors.ts'
import type { DeviceKeys } from '../../account/keys.ts'
import type { FileRecord, Health, ShareRef } from '../../formats/list.ts'
import { FakeClock } from '../../testkit/fake-clock.ts'
import { Bell } from '../bell.ts'
import { FileEntry } from '../list/entry.ts'
import { Finisher } from './finisher.ts'

const HEALTH: Health = { badRows: 0, badHosts: 0, stored: 1, restorable: true, survives: 1, hosts: 2 }
const SHARE: ShareRef = { name: new Uint8Array(32), length: 1, holders: [], sequence: 1, announced: true, stale: false, nodes: [] }
const RECORD: FileRecord = {
  name: 'a',
  type: '',
  size: 1,
  modified: 0,
  added: 0,
  status: 'storing',
  pieces: 1,
  sealedBytes: 1,
  scanned: true,
  link: new Uint8Array(32),
  secret: new Uint8Array(16),
  inline: undefined,
  error: undefined,
  share: undefined,
  health: undefined,
}

/** A finisher whose attempts to publish wait until the test ends them, one after another. */
class Bench {
  readonly stopped = new AbortController()
  readonly failures: AppError[] = []
  /** What ends each attempt that is under way. */
  readonly attempts: ((error?: AppError) => void)[] = []
  started = 0
  announced = 0
  announce = (): Promise<boolean> => {
    this.announced++
    return Promise.resolve(true)
  }
  readonly finisher = new Finisher({
    publisher: {
      publish: async () => {
        this.started++
        await new Promise<void>((resolve, reject) => {
          this.attempts.push((error) => {
            if (error === undefined) resolve()
            else reject(error)
          })
        })
        return { share: SHARE, health: HEALTH }
      },
      announce: () => this.announce(),
    },
    table: {
      update: (entry, changes) => {
        entry.record = { ...entry.record, ...changes }
        return Promise.resolve()
      },
    },
    hosts: { changed: new Bell() },
    clock: new FakeClock(),
    keysOf: () => ({ seal: new Uint8Array(32) }) as DeviceKeys,
    changed: () => undefined,
    failed: (_, error) => this.failures.push(error),
  })
  private readonly running = this.finisher.run(this.stopped.signal)

  /** Ends the oldest attempt. */
  async end(error?: AppError): Promise<void> {
    this.attempts.shift()?.(error)
    await turn()
  }

  async add(file: FileEntry): Promise<void> {
    this.finisher.add(file)
    await turn()
  }

  async stop(): Promise<void> {
    this.stopped.abort()
    for (const end of this.attempts) end()
    await this.running
  }
}

let bench: Bench
afterEach(() => bench.stop())

test('a file that is added again while it is published is not published twice at once', async () => {
  bench = new Bench()
  const file = new FileEntry('00', RECORD)
  await bench.add(file)
  await bench.add(file)
  expect(bench.attempts.length).toBe(1)
  await bench.end()
  expect(file.record.status).toBe('stored')
  expect(bench.started).toBe(1)
})

test('a stored file whose chunk moved while it was published, and is moving still, is published once the chunk has its receipts', async () => {
  bench = new Bench()
  const file = new FileEntry('00', { ...RECORD, status: 'stored', share: { ...SHARE, stale: true } })
  await bench.add(file)
  // The last receipt comes before the attempt learns that it was missing.
  await bench.add(file)
  await bench.end(new AppError('transient', 'file.pending', 'a chunk is not stored yet'))
  expect(bench.attempts.length).toBe(1)
  await bench.end()
  expect(file.record.share?.stale).toBe(false)
  expect(bench.failures).toEqual([])
})

test('other files are published beside it', async () => {
  bench = new Bench()
  await bench.add(new FileEntry('00', RECORD))
  await bench.add(new FileEntry('01', RECORD))
  expect(bench.attempts.length).toBe(2)
})

test('a record that is replaced while it is announced is announced again, as it is now', async () => {
  bench = new Bench()
  const file = new FileEntry('00', { ...RECORD, status: 'stored', share: { ...SHARE, announced: false } })
  bench.announce = () => {
    if (bench.announced++ === 0) file.record = { ...file.record, share: { ...SHARE, sequence: 2, announced: false } }
    return Promise.resolve(true)
  }
  await bench.add(file)
  expect(file.record.share?.announced).toBe(false)
  await bench.add(file)
  expect(bench.announced).toBe(2)
  expect(file.record.share).toMatchObject({ sequence: 2, announced: true })
})
