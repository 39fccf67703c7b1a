import { describe, expect, it } from 'vitest'
import { parseRelayInfo } from '../peer/relay-info.ts'
import { turnCredential, turnServers } from './turn.ts'

const clock = { now: () => 1_700_000_000_999, sleep: () => Promise.resolve() }
const random = { bytes: (length: number) => Uint8Array.from({ length }, (_, i) => i), unit: () => 0 }
const urls = ['turn:turn.example:3478?transport=udp']

describe('what a relay says of TURN', () => {
  // RFC 2202 section 3, test case 2, and two made with `openssl dgst -sha1 -hmac SECRET -binary | base64`.
  it.each([
    ['Jefe', 'what do ya want for nothing?', '7/zfauXrL6LSdBbV8YTfnCWafHk='],
    ['north', '1433895918:506DdOnbl', '1f3qv06yE/xaeVjx+fIEVwhGuRU='],
    ['a secret', '1700043200:0001020304050607', 'knXBQ3dmi6QQuWWf9QkotzEN8cE='],
  ])('the password under the secret "%s" for %s is %s', (secret, username, password) => {
    expect(turnCredential(secret, username)).toBe(password)
  })

  it('is a name and password of its own for each request, good for twelve hours, where there is a secret', () => {
    const servers = turnServers({ urls, login: { secret: 'a secret' } }, clock, random)
    expect(servers).toEqual([{ urls, username: '1700043200:0001020304050607', credential: 'knXBQ3dmi6QQuWWf9QkotzEN8cE=' }])
    const info = { peer: 'x', addresses: [], stun: [], turn: servers, relays: [], version: 1 }
    expect(parseRelayInfo(info)).toEqual(info)
  })

  it('is what it was told, or nothing', () => {
    expect(turnServers({ urls, login: { username: 'u', credential: 'p' } }, clock, random)).toEqual([{ urls, username: 'u', credential: 'p' }])
    expect(turnServers(undefined, clock, random)).toEqual([])
  })
})
