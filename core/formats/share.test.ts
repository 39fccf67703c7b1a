import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { utf8 } from '../base/bytes.ts'
import { arbitraryBytes, codecContract, formatOf } from '../testkit/codec-contract.ts'
import { decode, encode } from './codec.ts'
import { chunkEntry, parityEntry } from './entry.ts'
import { fileName, fitName, fitType, mediaType, NAME_BYTES } from './file-name.ts'
import { shareObject, type ShareContent, type ShareObject } from './share.ts'
import type { TreeNode } from './tree-node.ts'

type Stored = Extract<ShareContent, { kind: 'stored' }>

const hash = arbitraryBytes(32)
const names = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }).map((name) => fitName(name))

function entryOf(k: number, size: number): Uint8Array<ArrayBuffer> {
  const roots = Array.from({ length: k }, () => new Uint8Array(32).fill(k))
  return encode(chunkEntry, { k, shardSize: 64, offset: 0, length: 64 * k, key: new Uint8Array(32), hash: new Uint8Array(32), size, roots })
}
const parityOf = (count: number): Uint8Array<ArrayBuffer> => encode(parityEntry, Array.from({ length: count }, () => new Uint8Array(32)))

/** Groups of some chunks each, all on n rows of which k are data. */
const stored: fc.Arbitrary<ShareObject> = fc
  .record({
    hosts: fc.array(fc.record({ key: hash, addresses: fc.array(fc.string({ maxLength: 20 }), { maxLength: 4 }) }), { minLength: 1, maxLength: 4 }),
    shape: fc.array(fc.record({ chunks: fc.integer({ min: 1, max: 3 }), k: fc.integer({ min: 1, max: 3 }), parity: fc.nat(3) }), { minLength: 1, maxLength: 3 }),
    size: fc.integer({ min: 1, max: 1_000 }),
    name: names,
    modified: fc.maxSafeNat(),
    row: fc.nat(3),
  })
  .map(({ hosts, shape, size, name, modified, row }) => {
    const chunks = shape.flatMap(({ chunks, k, parity }) => Array.from({ length: chunks }, () => ({ k, parity })))
    return {
      name,
      type: 'image/png',
      size: size * chunks.length,
      modified,
      content: {
        kind: 'stored',
        hosts,
        groups: shape.map(({ chunks, k, parity }) => ({ chunks, rows: Array.from({ length: k + parity }, (_, i) => (i + row) % hosts.length) })),
        manifest: { kind: 'leaf', entries: chunks.map(({ k }) => entryOf(k, size)) },
        placement: { kind: 'leaf', entries: chunks.map(({ parity }) => parityOf(parity)) },
      },
    }
  })

const inline: fc.Arbitrary<ShareObject> = fc
  .record({ name: names, modified: fc.maxSafeNat(), bytes: fc.nat(80).chain(arbitraryBytes) })
  .map(({ name, modified, bytes }) => ({ name, type: '', size: bytes.length, modified, content: { kind: 'inline', bytes } }))

codecContract('a share object', formatOf(shareObject), fc.oneof(stored, inline))

describe('a share object', () => {
  const content: Stored = {
    kind: 'stored',
    hosts: [{ key: new Uint8Array(32), addresses: [] }],
    groups: [{ chunks: 2, rows: [0, 0, 0] }],
    manifest: { kind: 'leaf', entries: [entryOf(2, 10), entryOf(2, 5)] },
    placement: { kind: 'leaf', entries: [parityOf(1), parityOf(1)] },
  }
  const sound: ShareObject = { name: 'a', type: '', size: 15, modified: 0, content }
  const accepts = (share: ShareObject): boolean => {
    try {
      return decode(shareObject, encode(shareObject, share)).name === share.name
    } catch {
      return false
    }
  }
  const withContent = (part: Partial<Stored>): ShareObject => ({ ...sound, content: { ...content, ...part } })

  it('is refused when its parts contradict each other', () => {
    expect(accepts(sound)).toBe(true)
    expect(accepts({ ...sound, size: 14 })).toBe(false)
    expect(accepts({ ...sound, content: { kind: 'inline', bytes: new Uint8Array(14) } })).toBe(false)
    expect(accepts(withContent({ groups: [{ chunks: 1, rows: [0, 0, 0] }] }))).toBe(false)
    expect(accepts(withContent({ groups: [{ chunks: 2, rows: [0, 0, 1] }] }))).toBe(false)
    expect(accepts(withContent({ groups: [{ chunks: 2, rows: [0, 0] }] }))).toBe(false)
    expect(accepts(withContent({ groups: [{ chunks: 1, rows: [0, 0, 0] }, { chunks: 1, rows: [0, 0, 0, 0] }] }))).toBe(false)
    expect(accepts(withContent({ placement: { kind: 'leaf', entries: [parityOf(1)] } }))).toBe(false)
    expect(accepts(withContent({ manifest: { kind: 'leaf', entries: [entryOf(2, 15)] } }))).toBe(false)
    expect(accepts(withContent({ hosts: [] }))).toBe(false)
    expect(accepts(withContent({ groups: [] }))).toBe(false)
    expect(accepts(withContent({ groups: [{ chunks: 257, rows: [0, 0, 0] }] }))).toBe(false)
  })

  it('may have branches as roots, whose counts and sizes must agree too', () => {
    const branch = (count: number, size: number): TreeNode => ({
      kind: 'branch',
      children: [{ count, size, name: new Uint8Array(32), length: 100, key: new Uint8Array(32) }],
    })
    expect(accepts(withContent({ manifest: branch(2, 15), placement: branch(2, 0) }))).toBe(true)
    expect(accepts(withContent({ manifest: branch(2, 16), placement: branch(2, 0) }))).toBe(false)
    expect(accepts(withContent({ manifest: branch(3, 15), placement: branch(2, 0) }))).toBe(false)
    expect(accepts(withContent({ manifest: branch(2, 15), placement: branch(2, 1) }))).toBe(false)
  })

  it('is refused as `format.mismatch`, so that a liar is told from a cut download', () => {
    const encoded = encode(shareObject, { ...sound, content: { kind: 'inline', bytes: new Uint8Array(15) } })
    encoded[4] = 14 // size
    expect(() => decode(shareObject, encoded)).toThrow(expect.objectContaining({ kind: 'invalid', code: 'format.mismatch' }))
  })
})

describe('file names', () => {
  const accepted = (name: string): boolean => {
    try {
      return decode(fileName, encode(fileName, name)) === name
    } catch {
      return false
    }
  }

  it('may be anything that is one name', () => {
    for (const name of ['a', '…', 'a "quoted" \'name\'.txt', '🐟🐠.png', '.hidden', '...', 'a\\b', 'x'.repeat(255), ' ']) {
      expect(accepted(name)).toBe(true)
    }
  })

  it('are refused when they are paths, hold control characters, or are too long', () => {
    for (const name of ['', '.', '..', 'a/b', '/', '../x', 'a\u0000', 'a\nb', '\u007f', '\u0085', 'x'.repeat(256), 'ü'.repeat(128)]) {
      expect(accepted(name)).toBe(false)
    }
  })

  it('are made from whatever a browser hands over, with room for a counter', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), fc.constantFrom('', ' (2)', ' (1000)'), (name, tail) => {
        const fitted = fitName(name, tail)
        expect(accepted(fitted)).toBe(true)
        expect(fitted).toContain(tail)
        if (accepted(name)) expect(fitName(name)).toBe(name)
      }),
    )
  })

  it('keep their extension and whole characters when they are shortened', () => {
    expect(fitName('a.tar.gz', ' (2)')).toBe('a.tar (2).gz')
    expect(fitName('.bashrc', ' (2)')).toBe('.bashrc (2)')
    const long = fitName('🐟'.repeat(100) + '.jpeg', ' (2)')
    expect(utf8(long).length).toBeLessThanOrEqual(NAME_BYTES)
    expect(long).toBe('🐟'.repeat(61) + ' (2).jpeg')
  })
})

describe('media types', () => {
  it('are essences only, so that no header can be smuggled through them', () => {
    const accepted = (type: string): boolean => {
      try {
        return decode(mediaType, encode(mediaType, type)) === type
      } catch {
        return false
      }
    }
    for (const type of ['', 'text/plain', 'application/vnd.ms-excel', 'image/svg+xml']) expect(accepted(type)).toBe(true)
    for (const type of ['text', 'text/', '/x', 'a/b/c', 'text/plain; charset=utf-8', 'a/b\r\nx: y', 'ä/b', ' a/b', 'a/' + 'b'.repeat(126)]) {
      expect(accepted(type)).toBe(false)
    }
    expect(fitType('text/plain; charset=utf-8')).toBe('text/plain')
    expect(fitType('nonsense')).toBe('')
  })
})
