import { describe, expect, it } from 'vitest'
import { byReach } from './assembly.ts'
import { carriesStreams, parseAddresses, parsePeerId, peerIdOf, peerKeyOf } from './identity.ts'
import { iceServersOf, originAddress, parseRelayInfo, relayOrigin, webSocketAddress } from './relay-info.ts'

const KEY = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'
const OTHER = '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c'

describe('names of relays and peers', () => {
  it('takes what people write as the address of a relay', () => {
    expect(relayOrigin('relay.example')).toBe('https://relay.example')
    expect(relayOrigin('http://localhost:8484/some/path?x#y')).toBe('http://localhost:8484')
    expect(relayOrigin('wss://relay.example:9001/')).toBe('https://relay.example:9001')
    expect(relayOrigin('ws://[::1]:8484')).toBe('http://[::1]:8484')
    for (const bad of ['ftp://relay.example', 'http://', '']) expect(() => relayOrigin(bad)).toThrow(expect.objectContaining({ code: 'relay.url' }) as Error)
  })

  it('knows the multiaddr of the WebSocket behind an origin', () => {
    expect(originAddress('http://localhost:8484')).toBe('/dns/localhost/tcp/8484/ws')
    expect(originAddress('https://relay.example')).toBe('/dns/relay.example/tcp/443/tls/ws')
    expect(originAddress('http://[::1]:80')).toBe('/ip6/::1/tcp/80/ws')
    expect(webSocketAddress('127.0.0.1', 1)).toBe('/ip4/127.0.0.1/tcp/1/ws')
  })

  it('takes a relay.json that is one, and refuses all others by name', () => {
    const first = { peer: 'x', addresses: ['/ip4/1.2.3.4/tcp/1/ws'], stun: ['stun:relay.example:8484', 'stun:[::1]:1'], version: 1 }
    expect(parseRelayInfo({ ...first, more: true })).toEqual({ ...first, turn: [], relays: [] })
    const turn = [{ urls: ['turn:turn.example:3478?transport=udp', 'turns:turn.example'], username: 'u', credential: 'c' }]
    const info = { ...first, turn, relays: ['https://relay2.example', 'http://[::1]:8485'] }
    expect(parseRelayInfo(info)).toEqual(info)
    expect(() => parseRelayInfo({ ...info, version: 2 })).toThrow(expect.objectContaining({ code: 'relay.version' }) as Error)
    for (const bad of [null, 3, [], { ...info, peer: 1 }, { ...info, addresses: 'x' }, { ...info, addresses: [1] }, { ...info, stun: Array(17).fill('stun:x') }]) {
      expect(() => parseRelayInfo(bad)).toThrow(expect.objectContaining({ kind: 'invalid' }) as Error)
    }
  })

  it.each([
    ['a STUN server of another form', { stun: ['stun:'] }],
    ['a STUN server that is a page', { stun: ['https://relay.example'] }],
    ['a STUN server with a path', { stun: ['stun:relay.example/x'] }],
    ['TURN that is no list', { turn: {} }],
    ['five TURN servers', { turn: Array(5).fill({ urls: ['turn:t'], username: 'u', credential: 'c' }) }],
    ['TURN without URLs', { turn: [{ urls: [], username: 'u', credential: 'c' }] }],
    ['TURN at a STUN URL', { turn: [{ urls: ['stun:t'], username: 'u', credential: 'c' }] }],
    ['TURN over another transport', { turn: [{ urls: ['turn:t?transport=sctp'], username: 'u', credential: 'c' }] }],
    ['TURN without a password', { turn: [{ urls: ['turn:t'], username: 'u' }] }],
    ['TURN with an endless password', { turn: [{ urls: ['turn:t'], username: 'u', credential: 'c'.repeat(257) }] }],
    ['nine relays', { relays: Array(9).fill('https://r.example') }],
    ['a relay with a path', { relays: ['https://r.example/'] }],
    ['a relay of another kind', { relays: ['ftp://r.example'] }],
    ['a relay in capitals', { relays: ['https://R.example'] }],
  ])('refuses %s', (_, part) => {
    const info = { peer: 'x', addresses: [], stun: [], turn: [], relays: [], version: 1 }
    expect(parseRelayInfo(info)).toEqual(info)
    expect(() => parseRelayInfo({ ...info, ...part })).toThrow(expect.objectContaining({ kind: 'invalid', code: 'relay.malformed' }) as Error)
  })

  it('asks of the servers of all relays no more than a browser likes, those of the first relay first', () => {
    const relay = (name: string) => ({
      peer: name,
      addresses: [],
      stun: [`stun:${name}:1`, 'stun:both:1'],
      turn: [{ urls: [`turn:${name}`], username: name, credential: 'c' }],
      relays: [],
      version: 1,
    })
    expect(iceServersOf([])).toEqual([])
    expect(iceServersOf([relay('a'), relay('b'), relay('c')])).toEqual([
      { urls: ['stun:a:1', 'stun:both:1'] },
      { urls: ['turn:a'], username: 'a', credential: 'c' },
      { urls: ['turn:b'], username: 'b', credential: 'c' },
    ])
  })

  it('a peer key and its libp2p name are two forms of one thing', () => {
    expect(peerKeyOf(peerIdOf(KEY))).toBe(KEY)
    expect(parsePeerId(peerIdOf(KEY).toString()).equals(peerIdOf(KEY))).toBe(true)
    for (const bad of ['', 'zz', KEY.slice(2), KEY.toUpperCase()]) expect(() => peerIdOf(bad)).toThrow(expect.objectContaining({ code: 'peer.malformed' }) as Error)
    expect(() => parsePeerId('12D3')).toThrow(expect.objectContaining({ code: 'peer.malformed' }) as Error)
  })

  it('keeps of the addresses that a stranger gave those that lead to the peer', () => {
    const peer = peerIdOf(KEY)
    const end = `/p2p/${peer.toString()}`
    const relay = `/ip4/1.2.3.4/tcp/1/ws/p2p/${peerIdOf(OTHER).toString()}`
    const texts = ['/ip4/1.2.3.4/tcp/1/ws', `/ip4/1.2.3.4/tcp/2/ws${end}`, relay, `${relay}/p2p-circuit`, 'nonsense', `/dns/${'x'.repeat(600)}/tcp/1/ws`]
    const kept = parseAddresses(texts, peer).map((address) => address.toString())
    expect(kept).toEqual([`/ip4/1.2.3.4/tcp/1/ws${end}`, `/ip4/1.2.3.4/tcp/2/ws${end}`, `${relay}/p2p-circuit${end}`])
    expect(parseAddresses(Array<string>(50).fill('/ip4/1.2.3.4/tcp/1/ws'), peer)).toHaveLength(16)
  })

  it('dials a host itself before its relay, whatever kind of address that has', () => {
    const peer = peerIdOf(KEY)
    const relay = `/dns/relay.example/tcp/443/tls/ws/p2p/${peerIdOf(OTHER).toString()}/p2p-circuit`
    const best = ['/ip4/192.168.1.5/tcp/1/ws', '/ip4/127.0.0.1/tcp/1/ws', `${relay}/webrtc`, relay]
    const sorted = parseAddresses(best.toReversed(), peer).map((multiaddr) => ({ multiaddr, isCertified: false })).sort(byReach)
    expect(sorted.map(({ multiaddr }) => multiaddr.toString())).toEqual(parseAddresses(best, peer).map((address) => address.toString()))
  })

  it('knows which addresses carry streams: a relay alone does not', () => {
    const peer = peerIdOf(KEY)
    const carried = (text: string) => parseAddresses([text], peer).map(carriesStreams)
    const relay = `/ip4/1.2.3.4/tcp/1/ws/p2p/${peerIdOf(OTHER).toString()}/p2p-circuit`
    expect(carried('/ip4/1.2.3.4/tcp/1/ws')).toEqual([true])
    expect(carried(relay)).toEqual([false])
    expect(carried(`${relay}/webrtc`)).toEqual([true])
  })
})
