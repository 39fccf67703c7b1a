import { describe, expect, it } from 'vitest'
import type { Bytes } from '../base/bytes.ts'
import { encode } from '../formats/codec.ts'
import { driveLog, TOP, type DriveLog, type LogPart } from '../formats/drive.ts'
import { FakeDevice, text } from '../testkit/drive-device.ts'
import { SeededRandom } from '../testkit/seeded-random.ts'
import { compact, compactionDue, emptyLog, save, type LogStep } from './log.ts'

/** What is stored of a device's drive, and how much was written for it. */
class Stored {
  readonly parts = new Map<number, Bytes>()
  log: DriveLog = emptyLog()
  written = 0
  saved = 0
  most = 0
  private readonly device: FakeDevice

  constructor(device: FakeDevice) {
    this.device = device
  }

  save(): void {
    const change = this.device.drive.takeChanges()
    if (change === undefined) return
    this.saved += change.length
    this.most = Math.max(this.most, this.take(save(this.log, change)))
  }

  async compact(): Promise<void> {
    const source = { read: async (part: LogPart) => this.part(part), snapshot: () => this.device.drive.snapshot() }
    while (compactionDue(this.log)) this.take(await compact(this.log, source))
  }

  get all(): Bytes[] {
    const parts = this.log.snapshot === undefined ? this.log.segments : [this.log.snapshot, ...this.log.segments]
    const stored = parts.map((part) => this.part(part))
    return this.log.inline.length === 0 ? stored : [...stored, this.log.inline]
  }

  private take(step: LogStep): number {
    let bytes = encode(driveLog, step.log).length
    for (const { part, bytes: content } of step.put) {
      if (this.parts.has(part.number)) throw new RangeError('a part number was used twice')
      this.parts.set(part.number, content)
      bytes += content.length
    }
    for (const part of step.drop) this.parts.delete(part.number)
    this.log = step.log
    this.written += bytes
    return bytes
  }

  private part(part: LogPart): Bytes {
    const found = this.parts.get(part.number)
    if (found?.length !== part.bytes) throw new RangeError('the log names a part that is not there')
    return found
  }
}

const KIB = 1024

describe('the log of a drive', () => {
  it('rebuilds the document after every hundredth of thousands of saves, each small, and all together bounded', async () => {
    const random = new SeededRandom(1)
    const device = new FakeDevice(1)
    const stored = new Stored(device)
    const files: string[] = []
    for (let i = 0; i < 4000; i++) {
      if (files.length < 50 || random.unit() < 0.2) files.push(device.file(TOP, `file ${i}.txt`, `${i}`))
      else if (random.unit() < 0.5) device.edit.rename(random.pick(files), `renamed ${i}.txt`)
      else device.edit.addVersion(random.pick(files), { ...text(`${i}`), content: random.bytes(100) })
      stored.save()
      if (i % 50 === 0) await stored.compact()
      if (i % 100 === 0) expect(new FakeDevice(2, stored.all).shown()).toEqual(device.shown())
      expect(stored.parts.size).toBeLessThan(20)
    }
    expect(new FakeDevice(2, stored.all).drive.snapshot()).toEqual(device.drive.snapshot())
    expect(stored.most).toBeLessThan(64 * KIB)
    // The head carries half of 40 KiB on average; all else is written a few times: sealed, merged, into snapshots.
    expect(stored.written).toBeLessThan(4000 * 24 * KIB + 10 * stored.saved)
  })

  it('writes as much for a rename in a large drive as in a small one', async () => {
    const most: number[] = []
    for (const entries of [10, 5000]) {
      const device = new FakeDevice(1)
      for (let i = 0; i < entries; i++) device.file(TOP, `${i}`, `${i}`)
      const stored = new Stored(device)
      stored.save()
      await stored.compact()
      stored.most = 0
      for (let i = 0; i < 300; i++) {
        device.edit.rename(device.id(`${i % 10}`), 'other')
        device.edit.rename(device.id('other'), `${i % 10}`)
        stored.save()
      }
      most.push(stored.most)
      expect(new FakeDevice(2, stored.all).shown()).toEqual(device.shown())
    }
    expect(Math.max(...most)).toBeLessThan(64 * KIB)
    expect(most[1]).toBeLessThan(1.5 * (most[0] ?? 0))
  })

  it('makes a segment of a change that is too large for the head, and asks for compaction before there are too many', async () => {
    const device = new FakeDevice(1)
    const stored = new Stored(device)
    device.file(TOP, 'small', '')
    stored.save()
    expect(stored.log.segments).toHaveLength(0)
    const random = new SeededRandom(2)
    const file = device.file(TOP, 'large', '')
    for (let i = 0; i < 12; i++) device.edit.addVersion(file, { ...text(''), content: random.bytes(4096) })
    stored.save()
    expect(stored.log.segments).toHaveLength(1)
    expect(stored.log.inline).toHaveLength(0)
    expect(new FakeDevice(2, stored.all).shown()).toEqual(device.shown())
    const full = { ...stored.log, next: 300, segments: Array.from({ length: 256 }, (_, number) => ({ number, bytes: 40 * KIB })) }
    expect(compactionDue(full)).toBe(true)
    expect(() => save(full, device.drive.snapshot())).toThrow(expect.objectContaining({ kind: 'quota', code: 'drive.segments' }))
    expect(compactionDue(emptyLog())).toBe(false)
    expect((await compact(emptyLog(), { read: async () => new Uint8Array(0), snapshot: () => new Uint8Array(0) })).put).toEqual([])
  })
})
