import { defineConfig } from '@playwright/test'
import { findChromium } from './start/chromium.mjs'

const executablePath = await findChromium()

/** Tests start their own swarm on ports of their own; one at a time, since each fills the machine. */
export default defineConfig({
  testDir: 'e2e',
  testMatch: '**/*.e2e.ts',
  outputDir: '.cache/e2e',
  workers: 1,
  retries: 0,
  forbidOnly: process.env['CI'] !== undefined,
  timeout: 300_000,
  expect: { timeout: 30_000 },
  use: {
    browserName: 'chromium',
    trace: 'retain-on-failure',
    launchOptions: executablePath === undefined ? {} : { executablePath },
  },
})
