// `npm test`: installs what is missing, builds, then types, lint, unit, contract and end-to-end tests.
// `node start/test.mjs unit|contract|e2e [arguments for the runner]` runs one part.
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ensureBuilt } from './build.mjs'
import { ensureInstalled } from './install.mjs'
import { cache, runMain, runNode, Stop, tool } from './tools.mjs'

/** @typedef {{ passed: number, failed: number }} Count */

const results = join(cache, 'results')

/**
 * What a runner reported; a run that failed without saying so counts as one failure.
 * @param {number} code exit code of the runner
 * @param {string} file its JSON report
 * @param {(report: any) => Count} read
 * @returns {Count}
 */
function countOf(code, file, read) {
  const count = existsSync(file) ? read(JSON.parse(readFileSync(file, 'utf8'))) : { passed: 0, failed: 0 }
  return code !== 0 && count.failed === 0 ? { ...count, failed: 1 } : count
}

/**
 * @param {string} project of vitest.config.ts
 * @param {readonly string[]} args
 */
async function vitest(project, args) {
  const file = join(results, `${project}.json`)
  rmSync(file, { force: true })
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
  const code = await runNode([tool('vitest/vitest.mjs'), 'run', '--project', project, '--passWithNoTests', ...reporters, ...args])
  return countOf(code, file, (report) => ({ passed: report.numPassedTests, failed: report.numFailedTests }))
}

/** @param {readonly string[]} args */
async function playwright(args) {
  const file = join(results, 'e2e.json')
  rmSync(file, { force: true })
  const env = { ...process.env, PLAYWRIGHT_JSON_OUTPUT_FILE: file }
  const code = await runNode(
    [tool('@playwright/test/cli.js'), 'test', '--reporter=list,json', '--pass-with-no-tests', ...args],
    { env },
  )
  return countOf(code, file, ({ stats }) => ({ passed: stats.expected + stats.flaky, failed: stats.unexpected }))
}

/**
 * A check that has no tests of its own to count: only its failure counts.
 * @param {Promise<number>} check
 */
async function check(check) {
  return { passed: 0, failed: (await check) === 0 ? 0 : 1 }
}

/** @type {Record<string, (args: readonly string[]) => Promise<Count>>} */
const STEPS = {
  types: async () => check((await import('./types.mjs')).checkTypes()),
  lint: async () => check((await import('./lint.mjs')).lint()),
  unit: (args) => vitest('unit', args),
  contract: (args) => vitest('browser', args),
  e2e: (args) => playwright(args),
}

await runMain(async () => {
  const [part, ...args] = process.argv.slice(2)
  const names = part === undefined ? Object.keys(STEPS) : [part]
  await ensureInstalled()
  mkdirSync(results, { recursive: true })
  if (names.includes('contract') || names.includes('e2e')) await (await import('./chromium.mjs')).ensureChromium()
  if (names.includes('e2e')) await ensureBuilt()
  const total = { passed: 0, failed: 0 }
  for (const name of names) {
    const step = STEPS[name]
    if (step === undefined) throw new Stop(`There is no part "${name}": ${Object.keys(STEPS).join(', ')}.`)
    console.log(`\n── ${name} ──`)
    const { passed, failed } = await step(args)
    console.log(`${name}: ${failed === 0 ? 'ok' : 'FAILED'}`)
    total.passed += passed
    total.failed += failed
  }
  console.log(`\n${total.passed} passed, ${total.failed} failed`)
  return total.failed === 0 ? 0 : 1
})
