import { describe, expect, test } from 'vitest'
import { bestBuild, instantiate, type Build } from './wasm.ts'

/** A module that exports a memory of `pages` pages, by which the builds below are told apart. */
function withPages(pages: number): string {
  return Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5, 3, 1, 0, pages, 7, 5, 1, 1, 0x6d, 2, 0]).toString('base64')
}

const builds = { scalar: withPages(1), simd: withPages(2), relaxed: withPages(3) }

async function pages(best: Build | undefined, of: object = builds): Promise<number> {
  const { m } = await instantiate<{ m: { buffer: ArrayBuffer } }>(of, best)
  return m.buffer.byteLength / 65536
}

describe('a kernel', () => {
  test('is an instance of its own with each call', async () => {
    expect(await instantiate(builds)).not.toBe(await instantiate(builds))
  })

  test('comes in the best build that the runtime can run, and there is', async () => {
    expect(await pages('relaxed')).toBe(3)
    expect(await pages('simd')).toBe(2)
    expect(await pages('scalar')).toBe(1)
    expect(await pages('relaxed', { scalar: builds.scalar })).toBe(1)
  })

  test('is refused, with the cause kept, when it is no module, wants imports, or needs more than the runtime has', async () => {
    const wantsImport = Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 2, 7, 1, 1, 0x61, 1, 0x62, 0, 0]).toString('base64')
    for (const bad of [{ scalar: 'AQID' }, { scalar: wantsImport }, { simd: builds.simd }]) {
      await expect(instantiate(bad, 'scalar')).rejects.toMatchObject({ kind: 'invalid', code: 'kernel.unsupported', cause: expect.any(Error) as Error })
    }
  })
})

test('this runtime has relaxed SIMD, and says so', async () => {
  expect(bestBuild()).toBe('relaxed')
  expect(await pages(undefined)).toBe(3)
})
