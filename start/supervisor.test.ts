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

test('further relays listen on the next ports, name each other by port, and every host knows all', () => {
  const [first, second, host] = plan(parseOptions(['--relays', '2', '--data', '/d', '--host-space', '1MB']))
  expect(first?.args.slice(-2)).toEqual(['--also', '8485'])
  expect(first?.args).toContain('--static')
  expect(second).toEqual({
    name: 'relay-1',
    args: ['relay/main.ts', '--port', '8485', '--listen', '127.0.0.1', '--data', '/d/relay-1', '--also', '8484'],
  })
  expect(host?.args.slice(-4)).toEqual(['--relay', 'http://127.0.0.1:8484', '--relay', 'http://127.0.0.1:8485'])
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
