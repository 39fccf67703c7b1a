import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Drive } from '../../core/drive/drive.ts'
import { emptyLog, save } from '../../core/drive/log.ts'
import { encode } from '../../core/formats/codec.ts'
import { driveLog } from '../../core/formats/drive.ts'
import { report } from '../report.ts'
import { measurePage } from './browser.ts'
import { build, options } from './build.ts'

const MIB = 2 ** 20
const KIB = 2 ** 10
const ENTRIES = 100_000
const BARS = { open: 1500, keystroke: 50, rename: 20, heap: 250, save: 64 }

setFlagsFromString('--expose_gc')
const collect = runInNewContext('gc') as () => void

function bar(metric: string, value: number, unit: string, reference: number): void {
  report({ bench: 'drive', metric, value, unit, reference })
  if (value > reference) process.exitCode = 1
}

function heap(): number {
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / MIB
}

function p95(times: number[]): number {
  return times.sort((a, b) => a - b)[Math.floor(times.length * 0.95)] ?? 0
}

function timed(work: () => void): number {
  const start = performance.now()
  work()
  return performance.now() - start
}

function keystrokes(drive: Drive): number[] {
  const queries = ['holiday photo 12', 'muller', 'summer/invoice .pdf', '9', 'nothing like it']
  return queries.flatMap((query) => Array.from(query, (_, i) => timed(() => void drive.view.search(query.slice(0, i + 1)))))
}

function renames(drive: Drive): number[] {
  const files = drive.view.search('.jpg', 300)
  return files.map((file, i) => timed(() => drive.edit.rename(file.id, `renamed ${String(i)}.jpg`)))
}

function savedAfterRename(snapshot: Uint8Array): number {
  const drive = Drive.open([snapshot], options(3))
  let log = { ...emptyLog(), next: 1, snapshot: { number: 0, bytes: snapshot.length } }
  let most = 0
  let sealed = 0
  // Long enough for the head to be full once: the save that seals it is the largest.
  for (let i = 0; i < 2500; i++) {
    const file = drive.view.search('.jpg', 1)[0]
    if (file === undefined) throw new Error('no file to rename')
    drive.edit.rename(file.id, `again ${String(i)}.jpg`)
    const step = save(log, drive.takeChanges() ?? new Uint8Array(0))
    log = { ...step.log, snapshot: log.snapshot }
    sealed += step.put.length
    most = Math.max(most, encode(driveLog, log).length + step.put.reduce((sum, { bytes }) => sum + bytes.length, 0))
  }
  if (sealed === 0) throw new Error('the head was never full')
  return most
}

const small = build(1000)
const large = build(ENTRIES)
// Once without a clock: the code is compiled then, as in a tab that has been open for a while.
Drive.open([small], options(2))
const before = heap()
let drive: Drive | undefined
const opened = timed(() => void (drive = Drive.open([large], options(2))))
const grown = heap() - before
if (drive === undefined) throw new Error('not opened')
bar('open 100,000 entries from a snapshot', opened, 'ms', BARS.open)
bar('heap of 100,000 entries', grown, 'MiB', BARS.heap)
report({ bench: 'drive', metric: 'snapshot of 100,000 entries', value: large.length / MIB, unit: 'MiB' })
bar('search keystroke, 95th percentile', p95(keystrokes(drive)), 'ms', BARS.keystroke)
bar('rename, 95th percentile', p95(renames(drive)), 'ms', BARS.rename)
bar('most written by a save after a rename, 1,000 entries', savedAfterRename(small) / KIB, 'KiB', BARS.save)
bar('most written by a save after a rename, 100,000 entries', savedAfterRename(large) / KIB, 'KiB', BARS.save)
if (process.argv[2] !== 'node') await measurePage(ENTRIES, bar)
