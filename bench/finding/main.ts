// `npm run bench -- finding`: what the buckets of discovery.md cost in swarms of 100 to 100,000 hosts (docs/decisions/0006).
import { report } from '../report.ts'
import { LIMITS, simulate, type Measured } from './swarm.ts'

const SEED = Number(process.argv[2] ?? 1)
const SIZES = [16, 60, 100, 1000, 10_000, 100_000].filter((hosts) => hosts <= Number(process.argv[3] ?? Infinity))

function print(name: string, measured: Measured): void {
  const figure = (metric: string, value: number, unit: string, reference?: number) =>
    { report({ bench: `finding ${name}`, metric, value, unit, ...(reference === undefined ? {} : { reference }) }) }
  figure('reads of the hottest key', measured.hottestReads, '1/s', measured.oneKeyReads)
  figure('hosts under one key, most', measured.mostProviders, 'hosts', LIMITS.providers)
  figure('announcements per host in half an hour', measured.announcements, '')
  figure('look-ups per search, mean', measured.lookUps, '')
  figure('look-ups per search, most', measured.mostLookUps, '')
  figure('look-ups per first search, mean', measured.firstSearches, '')
  figure('hosts found, fewest', measured.fewestFound, 'hosts')
  figure('hosts found that are there', measured.alive, 'part')
  figure('deepest level', measured.deepest, '')
}

for (const hosts of SIZES) print(`${hosts} hosts`, simulate(hosts, SEED))
print('10,000 hosts shrunk to 300', simulate(10_000, SEED, 300))
