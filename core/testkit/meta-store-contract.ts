import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { utf8 } from '../base/bytes.ts'
import type { MetaChange, MetaStore } from '../ports/meta-store.ts'

/** One disk under test, with one store open on it. */
export interface MetaStoreBench {
  readonly store: MetaStore
  /** A new store over the same disk, once the old one was closed. */
  reopen(): Promise<MetaStore>
  /** Makes every write fail as on a full disk, where the disk can be made to. */
  readonly fill?: () => Promise<void>
  /** Frees the disk. */
  dispose(): Promise<void>
}

async function entries(store: MetaStore, prefix: string): Promise<[string, string][]> {
  const found: [string, string][] = []
  for await (const [key, value] of store.range(prefix)) found.push([key, new TextDecoder().decode(value)])
  return found
}

const put = (key: string, value: string): MetaChange => ({ put: key, value: utf8(value) })

/** The rules of the `MetaStore` port, to be run in the real environment of each adapter. */
export function metaStoreContract(name: string, open: () => Promise<MetaStoreBench>): void {
  describe(`${name} keeps the contract of a meta store`, () => {
    let bench: MetaStoreBench
    beforeEach(async () => {
      bench = await open()
    })
    afterEach(() => bench.dispose())

    valueRules(() => bench)
    rangeRules(() => bench)
    restartRules(() => bench)
  })
}

function valueRules(bench: () => MetaStoreBench): void {
  it('gives back what was put, replaced and deleted', async () => {
    const { store } = bench()
    expect(await store.get('a')).toBeUndefined()
    await store.batch([put('a', 'one'), put('b', '')])
    expect(await store.get('a')).toEqual(utf8('one'))
    expect(await store.get('b')).toEqual(utf8(''))
    await store.batch([put('a', 'two'), { del: 'b' }, { del: 'never' }], { strict: true })
    expect(await store.get('a')).toEqual(utf8('two'))
    expect(await store.get('b')).toBeUndefined()
  })

  it('applies the changes of one batch in order', async () => {
    const { store } = bench()
    await store.batch([put('a', '1'), { del: 'a' }, put('a', '2'), put('b', '1'), { del: 'b' }])
    expect(await entries(store, '')).toEqual([['a', '2']])
  })

  it('takes an empty batch', async () => {
    const { store } = bench()
    await store.batch([])
    expect(await entries(store, '')).toEqual([])
  })

  it('stores a view of a larger buffer as that view, and keeps no buffer of the caller', async () => {
    const { store } = bench()
    const buffer = utf8('xxvaluexx')
    const writing = store.batch([{ put: 'a', value: buffer.subarray(2, 7) }])
    buffer.fill(0)
    await writing
    const first = await store.get('a')
    expect(first).toEqual(utf8('value'))
    first?.fill(0)
    expect(await store.get('a')).toEqual(utf8('value'))
  })

  it('keeps a value of 1 MiB', async () => {
    const { store } = bench()
    const value = Uint8Array.from({ length: 2 ** 20 }, (_, i) => (i * 31) & 255)
    await store.batch([{ put: 'big', value }])
    expect(await store.get('big')).toEqual(value)
  })

  it('keeps nothing of a batch that does not fit, and says quota', async (context) => {
    const { store, fill } = bench()
    if (fill === undefined) return context.skip()
    await store.batch([put('a', 'one')])
    await fill()
    const large = { put: 'c', value: new Uint8Array(100_000) }
    await expect(store.batch([{ del: 'a' }, put('b', 'x'), large])).rejects.toMatchObject({ kind: 'quota', code: 'storage.full' })
    expect(await store.get('a')).toEqual(utf8('one'))
    expect(await store.get('b')).toBeUndefined()
    expect(await store.get('c')).toBeUndefined()
  })
}

function rangeRules(bench: () => MetaStoreBench): void {
  it('walks exactly the keys with the prefix, in key order', async () => {
    const { store } = bench()
    const keys = ['file/', 'file/2', 'file/10', 'file', 'file0', 'fil', 'file/a', 'file/A', 'file/~', 'filf']
    await store.batch(keys.map((key) => put(key, key)))
    const found = (await entries(store, 'file/')).map(([key]) => key)
    expect(found).toEqual(['file/', 'file/10', 'file/2', 'file/A', 'file/a', 'file/~'])
    expect(await entries(store, 'none/')).toEqual([])
  })

  it('walks more entries than one page of any store holds, while they change', async () => {
    const { store } = bench()
    const keys = Array.from({ length: 2500 }, (_, i) => `n/${String(i).padStart(5, '0')}`)
    await store.batch(keys.map((key) => put(key, key)))
    const found: string[] = []
    for await (const [key] of store.range('n/')) {
      found.push(key)
      if (found.length === 10) await store.batch([{ del: 'n/00000' }, put('o/1', 'outside')])
    }
    expect(found).toEqual(keys)
  })

  it('may be left before its end', async () => {
    const { store } = bench()
    await store.batch([put('a/1', ''), put('a/2', ''), put('a/3', '')])
    for await (const [key] of store.range('a/')) {
      expect(key).toBe('a/1')
      break
    }
    await store.batch([put('a/4', '')])
    expect(await entries(store, 'a/')).toHaveLength(4)
  })

  it('agrees with a sorted map, whatever is done to it', async () => {
    const { store } = bench()
    const key = fc.stringMatching(/^[ab/~]{1,4}$/)
    const change = fc.oneof(fc.record({ put: key, value: fc.uint8Array({ maxLength: 8 }) }), fc.record({ del: key }))
    const model = new Map<string, Uint8Array>()
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 12 }), key, async (changes, prefix) => {
        await store.batch(changes)
        for (const one of changes) {
          if ('put' in one) model.set(one.put, one.value)
          else model.delete(one.del)
        }
        const expected = [...model.keys()].filter((one) => one.startsWith(prefix)).sort()
        const found: string[] = []
        for await (const [one, value] of store.range(prefix)) {
          found.push(one)
          expect(value).toEqual(new Uint8Array(model.get(one) ?? []))
        }
        expect(found).toEqual(expected)
      }),
      { numRuns: 60 },
    )
  })
}

function restartRules(bench: () => MetaStoreBench): void {
  it('sees every resolved batch, also one that resolved a moment ago', async () => {
    const { store } = bench()
    for (let i = 0; i < 20; i++) {
      await store.batch([put('count', String(i))], { strict: i % 2 === 0 })
      expect(await store.get('count')).toEqual(utf8(String(i)))
    }
  })

  it('still has every entry after a restart', async () => {
    const { store, reopen } = bench()
    await Promise.all(Array.from({ length: 50 }, (_, i) => store.batch([put(`k/${String(i)}`, String(i))])))
    await store.batch([{ del: 'k/7' }], { strict: true })
    const again = await reopen()
    expect(await entries(again, 'k/')).toHaveLength(49)
    expect(await again.get('k/7')).toBeUndefined()
    expect(await again.get('k/42')).toEqual(utf8('42'))
  })

  it('answers transient, never "not there", once it is closed', async () => {
    const { store } = bench()
    await store.batch([put('a', 'one')])
    await store.close()
    await expect(store.get('a')).rejects.toMatchObject({ kind: 'transient', code: 'meta.failed' })
    await expect(store.batch([put('b', 'x')])).rejects.toMatchObject({ kind: 'transient', code: 'meta.failed' })
    await expect(entries(store, '')).rejects.toMatchObject({ kind: 'transient', code: 'meta.failed' })
  })
}
