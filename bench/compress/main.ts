import { join } from 'node:path'
import { chromium, type Page } from '@playwright/test'
import { build } from 'vite'
import { own } from '../../core/base/bytes.ts'
import { findChromium } from '../../start/chromium.mjs'
import { report } from '../report.ts'
import { CHUNK, corpora } from './corpora.ts'
import { measure, probe, type Measured } from './measure.ts'
import type { Bench } from './page.ts'

type Scope = typeof globalThis & { bench: Bench }

const SIZES = { '4 MiB': CHUNK, '16 KiB': 16 * 1024 }
/** The bar: what looking at random data may add to sealing it, in percent. */
const ALLOWED = 2

const plaintexts = corpora()
const executablePath = await findChromium()
const browser = await chromium.launch(executablePath === undefined ? {} : { executablePath })
try {
  const page = await openPage()
  for (const [name, corpus] of Object.entries(plaintexts)) {
    for (const [label, size] of Object.entries(SIZES)) {
      const plaintext = own(corpus.subarray(0, size))
      const text = Buffer.from(plaintext).toString('base64')
      tell(`Chromium, ${name}, ${label}`, await page.evaluate((bytes) => (globalThis as Scope).bench.measure(bytes), text))
      tell(`Node, ${name}, ${label}`, await measure(plaintext))
    }
  }
  const random = own(plaintexts['random']!)
  const text = Buffer.from(random).toString('base64')
  tellProbe('Chromium', await page.evaluate((bytes) => (globalThis as Scope).bench.probe(bytes), text))
  tellProbe('Node', await probe(random))
} finally {
  await browser.close()
}

/** An empty page of a secure context, which WebCrypto needs, with `page.ts` in it. */
async function openPage(): Promise<Page> {
  const entry = join(import.meta.dirname, 'page.ts')
  const built = await build({
    configFile: false,
    logLevel: 'silent',
    build: { write: false, target: 'es2024', lib: { entry, formats: ['iife'], name: 'page' } },
  })
  const output = (Array.isArray(built) ? built[0] : built) as { output: { code: string }[] }
  const page = await browser.newPage()
  await page.route('**', (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }))
  await page.goto('http://localhost/')
  await page.addScriptTag({ content: output.output[0]!.code })
  return page
}

function tell(what: string, rows: Record<string, Measured>): void {
  const [reference] = Object.values(rows)
  for (const [codec, row] of Object.entries(rows)) {
    for (const [metric, unit] of [['ratio', 'times'], ['compress', 'MiB/s'], ['decompress', 'MiB/s']] as const) {
      report({ bench: 'compress', metric: `${what}, ${codec}, ${metric}`, value: row[metric], unit, reference: reference![metric] })
    }
  }
}

function tellProbe(where: string, { look, seal }: { look: number; seal: number }): void {
  report({ bench: 'compress', metric: `${where}, 4 MiB of random data, sealing`, value: seal, unit: 'ms' })
  report({ bench: 'compress', metric: `${where}, 4 MiB of random data, looking at it`, value: look, unit: 'ms' })
  report({ bench: 'compress', metric: `${where}, looking at random data, share`, value: (100 * look) / seal, unit: '%', reference: ALLOWED })
  if ((100 * look) / seal >= ALLOWED) process.exitCode = 1
}
