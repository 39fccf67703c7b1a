import { BUILDS, type Build } from '../../core/base/wasm.ts'
import { CHUNK_LIMITS, loadChunker, type KeyedHash } from '../../core/chunker/chunker.ts'
import { loadBlake3 } from '../../core/merkle/blake3.ts'
import { noise } from '../noise.ts'
import { report } from '../report.ts'
import { Gear } from './gear.ts'
import { fetchReleases, HISTORIES, versions, type History } from './histories.ts'
import { chunks, Store, type Cut } from './store.ts'

const MIB = 2 ** 20
const ROUNDS = 12
/** With few chunks the saving is a matter of luck: so many keys, and tables of the gear, are tried. */
const DRAWS = 16

const bench = 'chunker'
const blake3 = await loadBlake3()

await compareSpeed()
await timeRepeats()
for (const packages of HISTORIES) {
  const failure = await fetchReleases(packages)
  if (failure === undefined) for (const divisor of [1, 64]) await compareDedup(packages, divisor)
  else console.error(`${packages.join(' + ')}: skipped, as npm could not fetch its releases.`, failure)
}

/** Shoal's chunks, with limits divided by `divisor`. */
async function shoal(divisor: number, draw: number, best?: Build, prf: KeyedHash = blake3): Promise<Cut> {
  const { min, max, oneOf, proposalBits } = CHUNK_LIMITS
  const limits = { min: min / divisor, max: max / divisor, oneOf: oneOf / divisor, proposalBits }
  const chunker = await loadChunker(prf, { limits, ...(best !== undefined && { best }) })
  const cutKey = new Uint8Array(32).fill(draw)
  return (bytes) => chunker.cut(bytes, cutKey, true) ?? 0
}

/** Chunks of FastCDC with the same limits, and as the normal size the 4 MiB that Shoal's have on average. */
async function fastCdc(divisor: number, draw: number): Promise<Cut> {
  const chunker = await Gear.load({ min: CHUNK_LIMITS.min / divisor, normal: 2 ** 22 / divisor, max: CHUNK_LIMITS.max / divisor }, draw)
  return (bytes) => chunker.cut(bytes)
}

async function compareSpeed(): Promise<void> {
  const file = noise(256 * MIB)
  const ways = new Map([['gear', await fastCdc(1, 0)]])
  for (const best of BUILDS) ways.set(best, await shoal(1, 0, best))
  const speeds = new Map([...ways].map(([name]) => [name, 0]))
  // In turns, so that what else the machine does meets all alike.
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, cut] of ways) {
      const seconds = timed(() => chunks(file, cut))
      speeds.set(name, Math.max(speeds.get(name) ?? 0, file.length / 2 ** 30 / seconds))
    }
  }
  const reference = speeds.get('gear') ?? NaN
  for (const [name, value] of speeds) report({ bench, metric: `speed, ${name}`, value, unit: 'GiB/s', reference })
}

/** A chunk of the greatest size whose windows propose at every second position, and are all refused. */
async function timeRepeats(): Promise<void> {
  const refusing: KeyedHash = { keyed: (key, bytes) => blake3.keyed(key, bytes).fill(255, 0, 1) }
  const cut = await shoal(1, 0, undefined, refusing)
  const pairs = Uint8Array.from({ length: CHUNK_LIMITS.max }, (_, i) => (i % 2 === 0 ? 0x17 : 0x16))
  const file = noise(CHUNK_LIMITS.max)
  const best = (bytes: Uint8Array): number => 1000 * Math.min(...Array.from({ length: ROUNDS }, () => timed(() => cut(bytes))))
  report({ bench, metric: '16 MiB of two repeated bytes, against noise', value: best(pairs), unit: 'ms', reference: best(file) })
}

async function compareDedup(packages: History, divisor: number): Promise<void> {
  const draws = Array.from({ length: DRAWS }, (_, draw) => draw)
  const keyed = await Promise.all(draws.map(async (draw) => new Store(await shoal(divisor, draw))))
  const gears = await Promise.all(draws.map(async (draw) => new Store(await fastCdc(divisor, draw))))
  for await (const version of versions(packages)) {
    for (const store of [...keyed, ...gears]) store.add(version)
  }
  const of = `${packages.join(' + ')}, chunks of ${4096 / divisor} KiB`
  const total = (stores: readonly Store[], figure: 'all' | 'stored' | 'count'): number => stores.reduce((sum, store) => sum + store[figure], 0)
  const share = (stores: readonly Store[]): number => total(stores, 'stored') / total(stores, 'all')
  report({ bench, metric: `stored, ${of}`, value: share(keyed), unit: 'of all bytes', reference: share(gears) })
  const mean = (stores: readonly Store[]): number => total(stores, 'all') / total(stores, 'count') / 1024
  report({ bench, metric: `mean, ${of}`, value: mean(keyed), unit: 'KiB', reference: mean(gears) })
}

/** Seconds. */
function timed(work: () => void): number {
  const start = performance.now()
  work()
  return (performance.now() - start) / 1000
}
