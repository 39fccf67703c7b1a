import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { originAddress } from './relay-info.ts'
import { pingAt, startTestRelay, type TestRelay } from './test-world.ts'
import { MAX_MESSAGE } from './web-sockets.ts'

describe('the WebSocket of a relay or host', () => {
  let relay: TestRelay
  beforeAll(async () => {
    relay = await startTestRelay()
  })
  afterAll(() => relay.stop())

  it('breaks off with 1009 who sends a message larger than any of libp2p, before any handshake', async () => {
    const socket = new WebSocket(relay.url.replace('http', 'ws'))
    const code = await new Promise<number>((resolve) => {
      socket.onopen = () => socket.send(new Uint8Array(MAX_MESSAGE + 1))
      socket.onclose = (event) => resolve(event.code)
    })
    expect(code).toBe(1009)
  })

  it('lives through malformed frames', async () => {
    const bytes = await new Promise<string>((resolve) => {
      const socket = connect(relay.port, '127.0.0.1')
      const head = ['GET / HTTP/1.1', 'Host: x', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13']
      socket.write([...head, 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==', '', ''].join('\r\n'))
      // All reserved bits, an opcode that does not exist, no mask.
      socket.once('data', () => socket.write(Uint8Array.of(0xff, 0x7f, 0, 0)))
      let text = ''
      socket.setEncoding('latin1').on('data', (part: string) => (text += part))
      socket.on('close', () => resolve(text))
    })
    expect(bytes).toContain('101 Switching Protocols')
    expect(await pingAt(`${originAddress(relay.url)}/p2p/${relay.peer.peer}`)).toBeGreaterThanOrEqual(0)
  })
})
