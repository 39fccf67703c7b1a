import { describe, expect, it } from 'vitest'
import { HELP, parseOptions } from './options.ts'

const space = (text: string): number => parseOptions(['--data', 'here', `--space=${text}`]).space

describe('the options of a host', () => {
  it('are those that --help lists', () => {
    const listed = [...HELP.matchAll(/--([a-z-]+)/g)].map(([option]) => option)
    expect(listed.length).toBeGreaterThan(4)
    for (const option of listed) expect(() => parseOptions([option, 'x'])).not.toThrow(expect.objectContaining({ code: 'option.unknown' }))
  })

  it('need a folder and a size, and leave the rest to the machine', () => {
    expect(parseOptions(['--data', 'here', '--space', '1GB'])).toEqual({ data: 'here', space: 1e9, relays: [], listen: '127.0.0.1', port: 0 })
  })

  it('name relays by their origin, however they are written', () => {
    const { relays } = parseOptions(['--data', 'x', '--space', '1', '--relay', 'http://127.0.0.1:8484/page', '--relay', 'relay.example', '--relay', 'ws://[::1]:99'])
    expect(relays).toEqual(['http://127.0.0.1:8484', 'https://relay.example', 'http://[::1]:99'])
  })

  it('take an address of either family and a port', () => {
    expect(parseOptions(['--data', 'x', '--space', '1', '--listen', '::1', '--port', '65535'])).toMatchObject({ listen: '::1', port: 65535 })
  })

  it.each([
    ['0', 0],
    ['123456789', 123456789],
    ['500MB', 500e6],
    ['20GiB', 20 * 2 ** 30],
    ['3 tib', 3 * 2 ** 40],
    ['1KB', 1000],
    ['1KiB', 1024],
  ])('read the size %s', (text, bytes) => {
    expect(space(text)).toBe(bytes)
  })

  it.each(['', 'much', '-1', '1.5GiB', '5B', '7iB', '1XB', '1 G', '1e9', '0x10', ' 1', '999999999999TiB'])('refuse the size "%s"', (text) => {
    expect(() => space(text)).toThrow(expect.objectContaining({ kind: 'invalid', code: 'option.space', message: expect.stringContaining(`not "${text}"`) as string }))
  })

  it.each<[string, string[], string, string]>([
    ['no folder', ['--space', '1GB'], 'option.data', '--data must name a folder'],
    ['an empty folder name', ['--data', '', '--space', '1GB'], 'option.data', '--data must name a folder'],
    ['no size', ['--data', 'x'], 'option.space', '--space must be a size such as 500MB or 20GiB, not ""'],
    ['a name to listen on', ['--data', 'x', '--space', '1', '--listen', 'localhost'], 'option.listen', '--listen must be an IP address, not "localhost"'],
    ['a port that does not exist', ['--data', 'x', '--space', '1', '--port', '65536'], 'option.port', '--port must be a number from 0 to 65535, not "65536"'],
    ['a relay that is no address', ['--data', 'x', '--space', '1', '--relay', 'a b'], 'option.origin', '--relay must be an address such as https://relay.example, not "a b"'],
    ['a relay of another kind', ['--data', 'x', '--space', '1', '--relay', 'ftp://x'], 'option.origin', '--relay must be an address such as https://relay.example, not "ftp://x"'],
    ['an option that does not exist', ['--data', 'x', '--spice', '1'], 'option.unknown', "Unknown option '--spice'"],
    ['a word too many', ['--data', 'x', 'a.b'], 'option.unknown', "Unexpected argument 'a.b'"],
    ['an option without its value', ['--data'], 'option.unknown', "Option '--data <value>' argument missing"],
  ])('refuse %s, in one sentence', (_, args, code, message) => {
    expect(() => parseOptions(args)).toThrow(expect.objectContaining({ kind: 'invalid', code, message: expect.stringMatching(startOf(message)) as string }))
  })
})

/** Node's own sentences may go on after the part that matters, but never into a second sentence. */
function startOf(message: string): RegExp {
  return new RegExp(`^${message.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}[^.]*$`)
}
