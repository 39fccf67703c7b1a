import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { parseOptions, parseSpace } from './options.mjs'
import { Stop } from './tools.mjs'

test('no options mean port 8484 on this machine only, one host of 10 GiB, data in .shoal', () => {
  expect(parseOptions([])).toEqual({
    port: 8484,
    listen: '127.0.0.1',
    hosts: 1,
    relays: 1,
    space: 10 * 2 ** 30,
    data: resolve('.shoal'),
    restart: true,
    help: false,
  })
})

test('every option is read', () => {
  const args = ['--port', '9000', '--hosts', '0', '--data', '/x', '--host-space', '500MB', '--listen', '::', '--relays', '2', '--no-restart']
  expect(parseOptions(args)).toMatchObject({ port: 9000, hosts: 0, data: '/x', space: 5e8, listen: '::', relays: 2, restart: false })
})

test('sizes are decimal with B and binary with iB', () => {
  expect(parseSpace('20GiB')).toBe(20 * 2 ** 30)
  expect(parseSpace('1.5GB')).toBe(1.5e9)
  expect(parseSpace('1TiB')).toBe(2 ** 40)
})

test.each([
  [['--port', '0'], '--port must be a whole number from 1 to 65535, not "0".'],
  [['--port', '6000'], 'Browsers do not open port 6000. Choose another with --port.'],
  [['--port', '80a'], '--port must be a whole number from 1 to 65535, not "80a".'],
  [['--hosts', '-1'], '"npm start -- --help"'],
  [['--hosts=-1'], '--hosts must be a whole number from 0 to 256, not "-1".'],
  [['--hosts', '257'], '--hosts must be'],
  [['--relays', '0'], '--relays must be a whole number from 1 to 8, not "0".'],
  [['--relays', '2', '--port', '5999'], 'Browsers do not open port 6000.'],
  [['--relays', '2', '--port', '65535'], '--port must be'],
  [['--host-space', '10'], '--host-space must be a size such as 500MB or 20GiB, not "10".'],
  [['--host-space', '1KB'], 'at least 1MB'],
  [['--host-space', '99999999TiB'], '--host-space must be a size'],
  [['--listen', 'everywhere'], '--listen must be an IP address'],
  [['--data='], '--data must name a folder.'],
  [['--colour'], "Unknown option '--colour'. \"npm start -- --help\" lists the options."],
  [['stray'], '"npm start -- --help"'],
])('%j is refused with one line', (args, part) => {
  let said = ''
  try {
    parseOptions(args)
  } catch (error) {
    expect(error).toBeInstanceOf(Stop)
    said = error instanceof Error ? error.message : ''
  }
  expect(said).toContain(part)
  expect(said).not.toContain('\n')
})
