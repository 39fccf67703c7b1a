import { expect, test } from 'vitest'
import { parseOptions } from './options.mjs'
import { localUrl, plan, shownUrl } from './supervisor.mjs'

test('the relay gets port, address, data and page; each host gets data, space and the relay', () => {
  const [relay, first, second] = plan(parseOptions(['--hosts', '2', '--data', '/d', '--host-space', '1MB']))
  expect(relay?.args.slice(0, 7)).toEqual(['relay/main.ts', '--port', '8484', '--listen', '127.0.0.1', '--data', '/d/relay'])
  expect(first).toEqual({
    name: 'host-0',
    args: ['daemon/host.ts', '--data', '/d/host-0', '--space', '1000000', '--relay', 'http://127.0.0.1:8484'],
  })
  expect(second?.name).toBe('host-1')
})

test.each([
  [[], 'http://127.0.0.1:8484', 'http://localhost:8484'],
  [['--listen', '0.0.0.0', '--port', '80'], 'http://127.0.0.1:80', 'http://localhost:80'],
  [['--listen', '::'], 'http://[::1]:8484', 'http://localhost:8484'],
  [['--listen', '192.0.2.7'], 'http://192.0.2.7:8484', 'http://192.0.2.7:8484'],
  [['--listen', '2001:db8::1'], 'http://[2001:db8::1]:8484', 'http://[2001:db8::1]:8484'],
])('%j is reached at %s and shown as %s', (args, local, shown) => {
  const options = parseOptions(args)
  expect(localUrl(options)).toBe(local)
  expect(shownUrl(options)).toBe(shown)
})
