import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { rm } from 'node:fs/promises'
import { ReedSolomonErasure } from '@subspace/reed-solomon-erasure.wasm'
import { noise } from '../noise.ts'
import { report } from '../report.ts'
import { BenchPage } from './browser.ts'
import { isalRate } from './isal/isal.ts'
import { best, kernelRates } from './page/measure.ts'
import type { KernelRates } from './page/results.ts'

const GIB = 2 ** 30
/** What hashing and cutting are to reach. */
const WANTED = GIB

/** One thread of Node and of Chromium, next to ISA-L and to a package of others in WebAssembly. */
export async function kernels(): Promise<void> {
  const native = await isalRate()
  const others = await packageRate()
  say('Node', await kernelRates(), native, others)
  const page = await BenchPage.open()
  try {
    say('Chromium', await page.kernels(), native, others)
  } finally {
    await page.close()
    await rm(page.folder, { recursive: true, force: true })
  }
}

function say(where: string, rates: KernelRates, native: number | undefined, others: number): void {
  const figure = (metric: string, value: number, reference: number): void =>
    report({ bench: 'coder', metric: `kernels, ${where}: ${metric}`, value: value / GIB, unit: 'GiB/s', reference: reference / GIB })
  if (native !== undefined) {
    figure('Reed-Solomon 10+6 encoded, over ISA-L with AVX2', rates.encode, native)
    figure('the same into new memory, as shards are, over ISA-L', rates.encodeAnew, native)
  }
  figure('Reed-Solomon 10+6 encoded, over a package in WebAssembly', rates.encode, others)
  figure('Reed-Solomon 10+6 decoded with 6 data rows lost, over encoded', rates.decode, rates.encode)
  figure('one shard rebuilt of ten, over encoded', rates.rebuild, rates.encode)
  figure('BLAKE3 of a shard, over what is wanted', rates.hash, WANTED)
  figure('a random file cut, over what is wanted', rates.cut, WANTED)
}

/** Bytes of data per second of the fastest Reed-Solomon in WebAssembly on npm, 10 data rows to 6 of parity. */
async function packageRate(): Promise<number> {
  const [k, parity, shard] = [10, 6, 420 * 1024]
  const wasm = await readFile(createRequire(import.meta.url).resolve('@subspace/reed-solomon-erasure.wasm/dist/reed_solomon_erasure_bg.wasm'))
  const coder = ReedSolomonErasure.fromBytes(wasm)
  const shards = noise((k + parity) * shard, 1)
  return best(k * shard, () => coder.encode(shards, k, parity))
}
