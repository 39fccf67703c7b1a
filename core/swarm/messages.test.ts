import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AppError } from '../base/errors.ts'
import { concat, utf8 } from '../base/bytes.ts'
import { SeededRandom } from '../testkit/seeded-random.ts'
import { memoryPair } from '../testkit/memory-stream.ts'
import { frame, FrameReader } from './frames.ts'
import { MAX_DATA, MAX_FRAME } from './limits.ts'
import { decodeMessage, encodeMessage, WIRE_KINDS, type Message } from './messages.ts'
import { fromWire, toWire } from './wire-error.ts'

const bytes = (min: number, max = min) => fc.uint8Array({ minLength: min, maxLength: max }).map((value) => new Uint8Array(value))
const id = fc.integer({ min: 1, max: 2 ** 32 - 1 })
const root = bytes(32)
const size = fc.integer({ min: 1, max: 2 * 1024 * 1024 })
const roots = (min: number) => fc.array(root, { minLength: min, maxLength: 256, size: 'small' })
const form = (type: Message['type'], fields: object) => fc.record({ type: fc.constant(type), ...fields }) as unknown as fc.Arbitrary<Message>

const message: fc.Arbitrary<Message> = fc.oneof(
  form('hello', { nonce: root, advert: bytes(0, 2048) }),
  form('hi', { proof: fc.option(fc.record({ key: root, signature: bytes(64) }), { nil: undefined }) }),
  form('credit', { bytes: fc.integer({ min: 1, max: 1024 * 1024 }) }),
  form('data', { id, bytes: bytes(1, 5000) }),
  form('offer', { id, shards: fc.array(fc.record({ root, size }), { minLength: 1, maxLength: 256, size: 'small' }) }),
  form('put', { id, root, size }),
  form('commit', { id, roots: roots(1) }),
  form('get', { id, root, offset: fc.nat(2 * 1024 * 1024), length: fc.nat(2 * 1024 * 1024) }),
  form('has', { id, roots: roots(1) }),
  form('release', { id, lease: bytes(16), roots: roots(0) }),
  form('renew', { id, lease: bytes(16) }),
  form('cancel', { id }),
  form('putObject', { id, name: root, record: bytes(0, 4096), size: fc.nat(65_536) }),
  form('getObject', { id, name: root }),
  form('verdicts', { id, verdicts: fc.array(fc.nat(3), { minLength: 1, maxLength: 256 }) }),
  form('ack', { id }),
  form('receipt', { id, receipt: bytes(0, 16_384) }),
  form('found', { id, size, first: fc.nat(2048), leaves: fc.nat(2048), proof: fc.array(root, { maxLength: 64 }) }),
  form('object', { id, record: bytes(0, 4096), size: fc.nat(65_536) }),
  form('error', { id: fc.nat(2 ** 32 - 1), kind: fc.nat(7), code: fc.string({ maxLength: 16 }), detail: fc.string({ maxLength: 50 }) }),
)

/** Runs `task`, which may only throw `invalid` with a code of the codecs. */
function refusesOnly(task: () => void): void {
  try {
    task()
  } catch (error) {
    expect(error).toBeInstanceOf(AppError)
    expect(error).toMatchObject({ kind: 'invalid', code: expect.stringMatching(/^(format|frame|text)\./) as string })
  }
}

describe('messages', () => {
  test('every message decodes to what was encoded', () => {
    fc.assert(
      fc.property(message, (one) => {
        expect(decodeMessage(encodeMessage(one))).toEqual(one)
      }),
    )
  })

  test('a message cut short, or with a byte more, is refused', () => {
    fc.assert(
      fc.property(message, fc.nat(), (one, at) => {
        const body = encodeMessage(one)
        const cut = body.subarray(0, at % body.length)
        expect(() => decodeMessage(cut)).toThrow(expect.objectContaining({ kind: 'invalid' }) as Error)
        expect(() => decodeMessage(concat([body, Uint8Array.of(0)]))).toThrow(expect.objectContaining({ code: 'format.trailing' }) as Error)
      }),
    )
  })

  test('random bytes never do worse than a typed refusal, and what is accepted is canonical', () => {
    const types = fc.constantFrom(1, 2, 3, 4, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x20, 0x21, 0x22, 0x23, 0x24, 0x2f)
    fc.assert(
      fc.property(fc.oneof(bytes(0, 300), fc.tuple(types, bytes(0, 300)).map(([type, rest]) => concat([Uint8Array.of(type), rest]))), (body) => {
        refusesOnly(() => expect(encodeMessage(decodeMessage(body))).toEqual(body))
      }),
      { numRuns: 3000 },
    )
  })

  test('any single changed byte is refused or gives another message', () => {
    fc.assert(
      fc.property(message, fc.nat(), fc.integer({ min: 1, max: 255 }), (one, at, change) => {
        const body = encodeMessage(one)
        const place = at % body.length
        body[place] = (body[place] ?? 0) ^ change
        refusesOnly(() => expect(decodeMessage(body)).not.toEqual(one))
      }),
    )
  })

  test('an unknown type is refused as such', () => {
    for (const type of [0x00, 0x05, 0x0f, 0x1a, 0x25, 0x2e, 0x30, 0xff]) {
      expect(() => decodeMessage(Uint8Array.of(type, 1))).toThrow(expect.objectContaining({ code: 'frame.unknown' }) as Error)
    }
    expect(() => decodeMessage(new Uint8Array())).toThrow(expect.objectContaining({ code: 'frame.unknown' }) as Error)
  })

  test('values over their limits are refused before memory is taken', () => {
    const leb = (value: number): number[] => (value < 128 ? [value] : [(value % 128) | 128, ...leb(Math.floor(value / 128))])
    const refused = (...body: number[]) => expect(() => decodeMessage(Uint8Array.from(body))).toThrow(expect.objectContaining({ code: 'format.range' }) as Error)
    refused(0x04, 1, ...leb(MAX_DATA + 1))
    refused(0x04, 1, 0)
    refused(0x10, 1, ...leb(257))
    refused(0x12, 1, 0)
    refused(0x03, ...leb(1024 * 1024 + 1))
    refused(0x03, 0)
    refused(0x11, 0)
    refused(0x17, ...leb(2 ** 32))
    refused(0x11, 1, ...new Array<number>(32).fill(7), ...leb(2 * 1024 * 1024 + 1))
    refused(0x11, 1, ...new Array<number>(32).fill(7), 0)
    expect(() => encodeMessage({ type: 'cancel', id: 0 })).toThrow(expect.objectContaining({ kind: 'bug' }) as Error)
  })

  test('the largest message of each type fits in a frame', () => {
    const most = <T>(item: T, count: number) => Array.from({ length: count }, () => item)
    const key = new Uint8Array(32)
    const large: Message[] = [
      { type: 'data', id: 2 ** 32 - 1, bytes: new Uint8Array(MAX_DATA) },
      { type: 'offer', id: 2 ** 32 - 1, shards: most({ root: key, size: 2 * 1024 * 1024 }, 256) },
      { type: 'receipt', id: 2 ** 32 - 1, receipt: new Uint8Array(16 * 1024) },
      { type: 'error', id: 0, kind: 7, code: 'x'.repeat(64), detail: 'é'.repeat(100) },
    ]
    for (const one of large) expect(encodeMessage(one).length).toBeLessThanOrEqual(MAX_FRAME)
  })
})

describe('frames', () => {
  test('frames come out as they went in, however the stream is cut up', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(bytes(1, 3000), { maxLength: 20 }), fc.integer(), async (bodies, seed) => {
        const cuts = new SeededRandom(seed)
        const [left, right] = memoryPair({ chunk: () => cuts.integer(1, 700), buffer: Infinity })
        for (const body of bodies) await left.write(frame((to) => { to.push(body) }))
        await left.close()
        const reader = new FrameReader(right)
        for (const body of bodies) expect(await reader.next()).toEqual(body)
        expect(await reader.next()).toBeNull()
      }),
    )
  })

  test('a length of zero or beyond the limit is refused at once, without waiting for the body', async () => {
    for (const length of [0, MAX_FRAME + 1, 2 ** 32 - 1]) {
      const [left, right] = memoryPair()
      const head = new Uint8Array(4)
      new DataView(head.buffer).setUint32(0, length)
      await left.write(head)
      await expect(new FrameReader(right).next()).rejects.toMatchObject({ kind: 'invalid', code: 'frame.oversized' })
    }
  })

  test('a stream that ends inside a frame was lost, not ended', async () => {
    for (const cut of [1, 3, 4, 6]) {
      const [left, right] = memoryPair()
      await left.write(frame((to) => { to.push(Uint8Array.of(1, 2, 3)) }).subarray(0, cut))
      await left.close()
      await expect(new FrameReader(right).next()).rejects.toMatchObject({ kind: 'transient', code: 'stream.lost' })
    }
  })
})

describe('errors on the wire', () => {
  test('kinds and codes come through, but a peer can neither cancel for us nor blame us', () => {
    for (const kind of WIRE_KINDS) {
      const error = fromWire(toWire(7, new AppError(kind, 'some.code', 'what happened')), 'ab')
      const expected = kind === 'aborted' || kind === 'bug' ? 'transient' : kind
      expect(error).toMatchObject({ kind: expected, code: 'some.code', message: 'what happened', data: { peer: 'ab' } })
    }
  })

  test('a long sentence is cut between characters, and a strange code is not taken over', () => {
    const wire = toWire(1, new AppError('quota', 'x'.repeat(99), '€'.repeat(100)))
    expect(utf8(wire.detail).length).toBeLessThanOrEqual(200)
    expect(wire.detail).toBe('€'.repeat(66))
    expect(decodeMessage(encodeMessage(wire))).toEqual(wire)
    expect(fromWire({ ...wire, code: '<b>bad</b>' }, 'ab').code).toBe('peer.error')
  })
})
