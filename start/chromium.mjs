// The Chromium that tests and benchmarks drive: which one, and how it gets onto the machine.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { isMain, run, runNode, tool, Stop } from './tools.mjs'

/** Where systems put a full Chromium of their own. */
const SYSTEM_PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** @param {string} path */
function runs(path) {
  return existsSync(path) && spawnSync(path, ['--version'], { stdio: 'ignore', timeout: 60_000 }).status === 0
}

/**
 * Path of a Chromium that runs here: SHOAL_CHROMIUM if set, else Playwright's own, else the system's.
 * @returns {Promise<string | undefined>}
 */
export async function findChromium() {
  const chosen = process.env['SHOAL_CHROMIUM']
  if (chosen !== undefined && chosen !== '') return chosen
  const { chromium } = await import('@playwright/test')
  return [chromium.executablePath(), ...SYSTEM_PATHS].find(runs)
}

/** Installs Chromium when there is none: Playwright's download first, then Debian's package when root. */
export async function ensureChromium() {
  if ((await findChromium()) !== undefined) return
  console.log('Installing Chromium for the tests…')
  await runNode([tool('@playwright/test/cli.js'), 'install', '--no-shell', 'chromium'])
  if ((await findChromium()) !== undefined) return
  if (existsSync('/etc/debian_version') && process.getuid?.() === 0) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    await run('apt-get', ['update', '-q'], { env })
    await run('apt-get', ['install', '-q', '-y', '--no-install-recommends', 'chromium'], { env })
  }
  if ((await findChromium()) === undefined) {
    throw new Stop('The browser tests need Chromium: install one and name it in SHOAL_CHROMIUM.')
  }
}

if (isMain(import.meta.url)) await ensureChromium()
