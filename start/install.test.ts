import { expect, test } from 'vitest'
import { isInstalled } from './install.mjs'

const wanted = { '': {}, 'node_modules/a': { version: '1.0.0' }, 'node_modules/mac': { version: '2.0.0', optional: true } }

test('packages of another platform may be missing', () => {
  expect(isInstalled(wanted, { 'node_modules/a': { version: '1.0.0' } })).toBe(true)
})

test('a missing package, another version or no record at all ask for an install', () => {
  expect(isInstalled(wanted, {})).toBe(false)
  expect(isInstalled(wanted, { 'node_modules/a': { version: '1.0.1' } })).toBe(false)
  expect(isInstalled(wanted, { 'node_modules/a': { version: '1.0.0' }, 'node_modules/mac': { version: '1.9.0' } })).toBe(false)
})
