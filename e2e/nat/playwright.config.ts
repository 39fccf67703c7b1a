import { defineConfig } from '@playwright/test'

/** One lab at a time: each has two browsers, and fills the machine. */
export default defineConfig({
  testDir: '.',
  testMatch: '*.nat.ts',
  outputDir: '../../.cache/nat',
  workers: 1,
  retries: 0,
  reporter: 'list',
  forbidOnly: process.env['CI'] !== undefined,
  timeout: 180_000,
  expect: { timeout: 60_000 },
})
