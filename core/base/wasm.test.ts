import { expect, test } from 'vitest'
import { instantiate } from './wasm.ts'

/** The smallest module there is: magic and version. */
const EMPTY = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)

test('each call gives an instance of its own', async () => {
  expect(await instantiate(EMPTY)).not.toBe(await instantiate(EMPTY))
})

test('bytes that are no module, or one that wants imports, are refused with the cause kept', async () => {
  const wantsImport = Uint8Array.of(...EMPTY, 1, 4, 1, 0x60, 0, 0, 2, 7, 1, 1, 0x61, 1, 0x62, 0, 0)
  for (const bytes of [Uint8Array.of(1, 2, 3), wantsImport]) {
    await expect(instantiate(bytes)).rejects.toMatchObject({ kind: 'invalid', code: 'kernel.unsupported', cause: expect.any(Error) as Error })
  }
})
