import { createSocket } from 'node:dgram'
import { describe, expect, it } from 'vitest'
import { AnswerQuota, bindingResponse, parseBindingRequest, responseTo, startStun } from './stun.ts'

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replace(/\s/g, ''), 'hex'))

/** RFC 5769 section 2.1: a request with SOFTWARE, PRIORITY, ICE-CONTROLLED, USERNAME, MESSAGE-INTEGRITY and FINGERPRINT. */
const REQUEST = bytes(`
  00 01 00 58 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae 80 22 00 10 53 54 55 4e 20 74 65 73 74 20 63 6c 69 65 6e 74
  00 24 00 04 6e 00 01 ff 80 29 00 08 93 2f f9 b1 51 26 3b 36 00 06 00 09 65 76 74 6a 3a 68 36 76 59 20 20 20
  00 08 00 14 9a ea a7 0c bf d8 cb 56 78 1e f2 b5 b2 d3 f2 49 c1 b5 71 a2 80 28 00 04 e5 7a 3b cf`)
/** RFC 5769 sections 2.2 and 2.3: XOR-MAPPED-ADDRESS of 192.0.2.1:32853 and of 2001:db8:1234:5678:11:2233:4455:6677:32853. */
const SOFTWARE = '80 22 00 0b 74 65 73 74 20 76 65 63 74 6f 72 20'
const IPV4 = bytes('00 20 00 08 00 01 a1 47 e1 12 a6 43')
const IPV6 = bytes('00 20 00 14 00 02 a1 47 01 13 a9 fa a5 d3 f1 79 bc 25 f4 b5 be d2 b9 d9')

describe('STUN Binding', () => {
  it('reads the request of RFC 5769 section 2.1, its fingerprint included', () => {
    expect(parseBindingRequest(REQUEST)).toEqual({ transaction: bytes('b7 e7 a7 01 bc 34 d6 86 fa 87 df ae') })
  })

  it('writes the addresses of RFC 5769 sections 2.2 and 2.3', () => {
    const request = parseBindingRequest(REQUEST)!
    const four = bindingResponse(request, '192.0.2.1', 32853, 'test vector')
    expect(Buffer.from(four.subarray(20, 36))).toEqual(Buffer.from(bytes(SOFTWARE)))
    expect(Buffer.from(four.subarray(36, 48))).toEqual(Buffer.from(IPV4))
    const six = bindingResponse(request, '2001:db8:1234:5678:11:2233:4455:6677', 32853, 'test vector')
    expect(Buffer.from(six.subarray(36, 60))).toEqual(Buffer.from(IPV6))
  })

  it('the answer has the header of RFC 8489: type, length, cookie, the same transaction', () => {
    const answer = bindingResponse(parseBindingRequest(REQUEST)!, '127.0.0.1', 1, '')
    expect(Buffer.from(answer.subarray(0, 20))).toEqual(Buffer.from(bytes('01 01 00 14 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae')))
    expect(answer).toHaveLength(40)
  })

  it('writes short and mapped IPv6 addresses', () => {
    const request = { transaction: new Uint8Array(12) }
    const address = (text: string) => {
      const answer = bindingResponse(request, text, 1, '')
      const key = [...answer.subarray(4, 20)]
      return Buffer.from(answer.subarray(28, 44).map((byte, i) => byte ^ key[i]!)).toString('hex')
    }
    expect(address('::1')).toBe(`${'0'.repeat(31)}1`)
    expect(address('fe80::1%eth0')).toBe(`fe80${'0'.repeat(27)}1`)
    expect(address('::ffff:192.0.2.1')).toBe(`${'0'.repeat(20)}ffffc0000201`)
  })

  it('ignores whatever is not a well-formed Binding request', () => {
    const changed = (at: number, byte: number) => Uint8Array.from(REQUEST, (old, i) => (i === at ? byte : old))
    expect(parseBindingRequest(new Uint8Array(0))).toBeUndefined()
    expect(parseBindingRequest(REQUEST.subarray(0, 40))).toBeUndefined()
    expect(parseBindingRequest(new Uint8Array(REQUEST.length + 600))).toBeUndefined()
    expect(parseBindingRequest(changed(1, 0x11))).toBeUndefined()
    expect(parseBindingRequest(changed(0, 0x01))).toBeUndefined()
    expect(parseBindingRequest(changed(4, 0))).toBeUndefined()
    expect(parseBindingRequest(changed(3, 0x54))).toBeUndefined()
    expect(parseBindingRequest(changed(23, 0xff))).toBeUndefined()
    expect(parseBindingRequest(changed(107, 0))).toBeUndefined()
  })

  it('answers no more than its share to one address and to all, until the next second', () => {
    let now = 0
    const quota = new AnswerQuota(() => now)
    const taken = (address: string, count: number) => Array.from({ length: count }, () => quota.take(address)).filter(Boolean).length
    expect(taken('a', 50)).toBe(20)
    expect(taken('b', 50)).toBe(20)
    for (let i = 0; i < 98; i++) taken(`c${i}`, 20)
    expect(quota.take('d')).toBe(false)
    now = 1000
    expect(taken('a', 50)).toBe(20)
  })

  it('leaves a packet from port 0 unanswered, since sending to it throws', () => {
    const quota = new AnswerQuota(() => 0)
    expect(responseTo(REQUEST, { address: '192.0.2.1', port: 0 }, quota, '')).toBeUndefined()
    expect(responseTo(REQUEST, { address: '::ffff:192.0.2.1', port: 32853 }, quota, 'test vector')?.subarray(36, 48)).toEqual(IPV4)
  })

  it('answers over UDP with the address that it sees', async () => {
    const server = await startStun('127.0.0.1', 0, { now: Date.now })
    const socket = createSocket('udp4')
    try {
      const answered = new Promise<Buffer>((resolve) => socket.once('message', resolve))
      socket.send(new Uint8Array(20), server.port, '127.0.0.1')
      socket.send(REQUEST, server.port, '127.0.0.1')
      const answer = await answered
      const { port } = socket.address()
      expect(answer.readUInt16BE(0)).toBe(0x0101)
      expect(answer.readUInt16BE(20 + 12 + 6) ^ 0x2112).toBe(port)
    } finally {
      socket.close()
      await server.close()
    }
  })
})
