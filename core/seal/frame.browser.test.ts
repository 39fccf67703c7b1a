import { expect, it } from 'vitest'
import { fromHex } from '../base/bytes.ts'
import { loadBlake3 } from '../merkle/blake3.ts'
import { sealFrame } from '../testkit/seal-frame.ts'
import { inflate } from './compress-deflate.ts'
import { unzstd } from './compress-zstd.ts'
import { openFrame } from './frame.ts'

// The same bytes in a browser: its WebCrypto and its DEFLATE are other implementations than Node's. Hex: formats/vectors/frames.json.

it('seals and opens the known frames in a browser', async () => {
  const blake3 = await loadBlake3()
  const sealKey = fromHex('01080f161d242b323940474e555c636a71787f868d949ba2a9b0b7bec5ccd3da')
  const plaintext = Uint8Array.from({ length: 5 }, (_, i) => 5 + i * 7)
  const made = await sealFrame({ plaintext, sealKey, padTo: 24, blake3 })
  expect(made.sealed).toEqual(fromHex('feb8dbd3c5a584329f383efcbf7327f3feeb2b7f27877c01653f2bcf1d56c58724486a4fa3d30099'))
  expect(await openFrame({ sealed: made.sealed, key: made.key })).toEqual(plaintext)
  const sealed = fromHex('d7db5ee3e8bb9f8b4ce567dbd94e8bff82b7f82602508f82dd8e73f6ff385874d1f2acb56cb619')
  const key = fromHex('63f7815261eca91b18e60857c4aada2d8a2cb9f7ce2bf72090f720c0a530cc2b')
  expect(await openFrame({ sealed, key })).toEqual(fromHex('61616161616161616161'))
})

it('opens what it compressed, over several segments, in a browser', async () => {
  const blake3 = await loadBlake3()
  const plaintext = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * i) % 251)
  const { sealed, key, frameLength } = await sealFrame({ plaintext, sealKey: new Uint8Array(32), blake3 })
  expect(frameLength).toBeLessThan(plaintext.length)
  const expectation = { size: plaintext.length, hash: blake3.hash(plaintext), blake3 }
  expect((await openFrame({ sealed, key, expect: expectation })).length).toBe(plaintext.length)
})

it('refuses bodies that are cut, go on after their end, or hold more than promised, in a browser', async () => {
  const body = fromHex('4b4c840100')
  expect(await inflate(body, 10)).toEqual(new Uint8Array(10).fill(97))
  expect(await inflate(body, 9)).toBeUndefined()
  expect(await inflate(body, 11)).toBeUndefined()
  expect(await inflate(body.slice(0, -1), 10)).toBeUndefined()
  expect(await inflate(fromHex('4b4c84010000'), 10)).toBeUndefined()
  expect(await inflate(fromHex('ffffff'), 10)).toBeUndefined()
})

it('reads, and refuses, bodies of Zstandard as Node does, in a browser', async () => {
  const body = fromHex('28b52ffd202845000010616101001f8005')
  expect(await unzstd(body, 40)).toEqual(new Uint8Array(40).fill(97))
  expect(await unzstd(body, 41)).toBeUndefined()
  expect(await unzstd(body.slice(0, -1), 40)).toBeUndefined()
  expect(await unzstd(fromHex('28b52ffd2028ffffff'), 40)).toBeUndefined()
})
