import { svelte } from '@sveltejs/vite-plugin-svelte'
import { playwright } from '@vitest/browser-playwright'
import { defineConfig } from 'vitest/config'
import { findChromium } from './start/chromium.mjs'

const rooms = '{core,peer,relay,daemon,workers,web,start,bench}'
const executablePath = await findChromium()

/** `unit` runs on Node; `browser` runs `*.browser.test.ts` in real Chromium, where the storage adapters live. */
export default defineConfig({
  test: {
    globalSetup: './start/vitest-setup.mjs',
    projects: [
      {
        plugins: [svelte()],
        test: {
          name: 'unit',
          environment: 'node',
          include: [`${rooms}/**/*.test.ts`],
          exclude: ['**/*.browser.test.ts', '**/node_modules/**'],
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      {
        plugins: [svelte()],
        test: {
          name: 'browser',
          include: [`${rooms}/**/*.browser.test.ts`],
          testTimeout: 60_000,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: executablePath === undefined ? {} : { executablePath },
            }),
            instances: [{ browser: 'chromium' }],
          },
        },
      },
    ],
  },
})
