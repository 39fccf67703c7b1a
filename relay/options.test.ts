import { describe, expect, it } from 'vitest'
import { furtherRelays, HELP, parseOptions } from './options.ts'

const DATA = ['--data', 'here']
const TURN = ['--turn', 'turn:turn.example:3478?transport=udp']

describe('the options of a relay', () => {
  it('are those that --help lists', () => {
    const listed = [...HELP.matchAll(/--([a-z-]+)/g)].map(([option]) => option)
    expect(listed.length).toBeGreaterThan(9)
    for (const option of listed) expect(() => parseOptions([option, 'x'])).not.toThrow(expect.objectContaining({ code: 'option.unknown' }))
  })

  it('name further relays by origin, or by a port of the same machine, which is reached as this one was', () => {
    const options = parseOptions([...DATA, '--also', 'relay2.example', '--also', '8485', '--also', 'http://127.0.0.1:1/x'])
    expect(options.also).toEqual(['https://relay2.example', 8485, 'http://127.0.0.1:1'])
    expect(furtherRelays(options, 'localhost')).toEqual(['https://relay2.example', 'http://localhost:8485', 'http://127.0.0.1:1'])
    expect(furtherRelays(options, '[::1]')[1]).toBe('http://[::1]:8485')
    expect(parseOptions(DATA).also).toEqual([])
  })

  it('name a TURN server with its secret, or with a name and password', () => {
    expect(parseOptions([...DATA, ...TURN, '--turn-secret', 's']).turn).toEqual({ urls: [TURN[1]], login: { secret: 's' } })
    const fixed = parseOptions([...DATA, ...TURN, '--turn', 'turns:turn.example', '--turn-user', 'u', '--turn-password', 'p'])
    expect(fixed.turn).toEqual({ urls: [TURN[1], 'turns:turn.example'], login: { username: 'u', credential: 'p' } })
    expect(parseOptions(DATA).turn).toBeUndefined()
  })

  it.each([
    ['a further relay that is no address', ['--also', 'a b'], 'option.origin'],
    ['a further relay at no port', ['--also', '70000'], 'option.port'],
    ['eight further relays', Array(8).fill(['--also', '1']).flat() as string[], 'option.also'],
    ['TURN at another kind of address', ['--turn', 'stun:turn.example', '--turn-secret', 's'], 'option.turn'],
    ['TURN at five addresses', [...(Array(5).fill(TURN).flat() as string[]), '--turn-secret', 's'], 'option.turn'],
    ['TURN without a login', TURN, 'option.turn'],
    ['TURN with two logins', [...TURN, '--turn-secret', 's', '--turn-user', 'u', '--turn-password', 'p'], 'option.turn'],
    ['TURN with half a login', [...TURN, '--turn-user', 'u'], 'option.turn'],
    ['an empty secret', [...TURN, '--turn-secret', ''], 'option.turn'],
    ['a secret without a server', ['--turn-secret', 's'], 'option.turn'],
  ])('refuse %s', (_, args, code) => {
    expect(() => parseOptions([...DATA, ...args])).toThrow(expect.objectContaining({ kind: 'invalid', code }) as Error)
  })
})
