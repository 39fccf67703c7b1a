import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, fromHex, toHex, type Bytes } from '../base/bytes.ts'
import { arbitraryBytes, codecContract, formatOf } from '../testkit/codec-contract.ts'
import { nobleBlake3 } from '../testkit/noble-blake3.ts'
import { accountRecord } from './account-record.ts'
import { decodeBackup, encodeBackup, isBackedUp, type Backup } from './backup.ts'
import { decode, encode, text } from './codec.ts'
import { fileName, filePath, fitPath, lastName, NAME_BYTES, PATH_BYTES } from './file-name.ts'
import { checkListEntry, listKey } from './list-key.ts'
import * as list from './list.ts'

const hash = arbitraryBytes(32)
const fingerprint = arbitraryBytes(8)
const number = fc.oneof(fc.nat(300), fc.maxSafeNat())
const some = <T>(items: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(items, { maxLength: 3 })
const maybe = <T>(item: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(item, { nil: undefined })
const holder = fc.record({ host: hash, lease: arbitraryBytes(16) })
const frame = fc.record({
  offset: fc.nat(2 ** 26),
  length: fc.integer({ min: 17, max: 2 ** 26 }),
  key: hash,
  hash,
  size: fc.integer({ min: 1, max: 2 ** 24 }),
})
const share = fc.record({ name: hash, length: fc.nat(65_536), holders: some(hash), sequence: number, announced: fc.boolean(), stale: fc.boolean(), nodes: some(hash) })
const health = fc.record({ restorable: fc.boolean(), survives: number, hosts: number, badRows: number, badHosts: number, stored: number })
const files: fc.Arbitrary<list.FileRecord> = fc.record({
  name: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }).map((name) => fitPath(name)),
  type: fc.constantFrom('', 'text/plain'),
  size: number,
  modified: number,
  added: number,
  status: fc.constantFrom('storing', 'stored', 'failed', 'removing'),
  pieces: number,
  sealedBytes: number,
  scanned: fc.boolean(),
  link: hash,
  secret: fingerprint,
  inline: maybe(fc.nat(50).chain(arbitraryBytes)),
  error: maybe(fc.constantFrom('aborted', 'storage.full')),
  share: maybe(share),
  health: maybe(health),
})
const row: fc.Arbitrary<list.SealedRow> = fc.oneof(
  fc.record({ host: maybe(hash), state: fc.constant('none' as const), lease: fc.constant(undefined) }),
  fc.record({ host: hash, state: fc.constant('acknowledged' as const), lease: fc.constant(undefined) }),
  fc.record({ host: hash, state: fc.constant('leased' as const), lease: arbitraryBytes(16) }),
  fc.record({ host: hash, state: fc.constant('bad' as const), lease: maybe(arbitraryBytes(16)) }),
)
const sealed: fc.Arbitrary<list.SealedRecord> = fc
  .record({ rows: fc.array(row, { minLength: 1, maxLength: 6 }), k: fc.integer({ min: 1, max: 6 }), blocks: fc.integer({ min: 1, max: 100 }), length: fc.nat(), secret: fingerprint })
  .map(({ rows, k, blocks, length, secret }) => {
    const data = Math.min(k, rows.length)
    const shardSize = blocks * 64
    const roots = rows.map((_, i) => new Uint8Array(32).fill(i))
    return { k: data, shardSize, length: 1 + (length % (data * shardSize)), roots, rows, secret }
  })
const day = fc.record({ day: number, ok: number, corrupt: number, absent: number, stalled: number })
const hosts = fc.record({ addresses: some(fc.string({ maxLength: 20 })), seen: number, tried: number, failures: number, days: some(day) })

codecContract('a file record', formatOf(list.fileRecord), files)
codecContract('a piece record', formatOf(list.pieceRecord), fc.record({ sealed: hash, frame }))
codecContract('a ref record', formatOf(list.refRecord), fc.record({ piece: hash, sealed: hash, frame }))
codecContract('a sealed record', formatOf(list.sealedRecord), sealed)
codecContract('a host record', formatOf(list.hostRecord), hosts)
codecContract('a node record', formatOf(list.nodeRecord), fc.record({ length: fc.nat(65_536), holders: some(holder) }))
codecContract('a release record', formatOf(list.releaseRecord), fc.record({ secret: fingerprint, expires: number, roots: fc.array(hash, { minLength: 1, maxLength: 4 }) }))
codecContract('a fragment of the drive', formatOf(list.driveFragment), fc.record({ ends: fc.boolean(), bytes: fc.nat(50).chain(arbitraryBytes) }))
const closing = { wrapped: fc.integer({ min: 1, max: 128 }).chain(arbitraryBytes), sequence: number }
const accounts = fc.record({
  secret: fingerprint,
  name: maybe(fc.string({ unit: 'grapheme', maxLength: 30 })),
  device: fc.string({ unit: 'grapheme-ascii', maxLength: 64 }),
  locker: maybe(fc.record({ ...closing, version: fc.nat(255), renewed: number, created: number, generation: number })),
  closing: some(fc.record(closing)),
})
codecContract('an account record', formatOf(accountRecord), accounts)
codecContract('a secret record', formatOf(list.secretRecord), hash)

describe('the path of a file', () => {
  it('is file names joined by slashes, of 1,024 bytes at most', () => {
    const long = 'x'.repeat(NAME_BYTES)
    const right = ['a', 'photos/a.jpg', 'a/b/c', [long, long, long, long].join('/')]
    const wrong = ['', '/', '/a', 'a/', 'a//b', 'a/./b', '../a', 'a/..', 'a\u0000/b', `a/${long}x`, ['x', long, long, long, long].join('/')]
    const written = (path: string): Bytes => encode(text(2048), path)
    for (const path of right) expect(decode(filePath, written(path))).toBe(path)
    for (const path of wrong) expect(() => decode(filePath, written(path)), path).toThrow(expect.objectContaining({ kind: 'invalid' }))
  })

  it('is made of anything: what is right stays, the rest becomes right and keeps the name of the file', () => {
    expect(fitPath('photos/a.jpg')).toBe('photos/a.jpg')
    expect(fitPath('/photos//2024/./../a.jpg', ' (2)')).toBe('photos/2024/a (2).jpg')
    expect(lastName('photos/a.jpg')).toBe('a.jpg')
    expect(lastName('a.jpg')).toBe('a.jpg')
    const part = fc.oneof(fc.string({ unit: 'binary', maxLength: 400 }), fc.constantFrom('', '.', '..', 'a'))
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), fc.constantFrom('', ' (2)'), (parts, tail) => {
        const path = fitPath(parts.join('/'), tail)
        expect(new TextEncoder().encode(path).length).toBeLessThanOrEqual(PATH_BYTES)
        expect(decode(filePath, encode(filePath, path))).toBe(path)
        expect(decode(fileName, encode(fileName, lastName(path)))).toBe(lastName(path))
      }),
    )
  })
})

describe('a row of a sealed chunk', () => {
  const record = (row_: list.SealedRow): list.SealedRecord => ({
    k: 1,
    shardSize: 64,
    length: 64,
    roots: [new Uint8Array(32)],
    rows: [row_],
    secret: new Uint8Array(8),
  })
  const host = new Uint8Array(32)
  const lease = new Uint8Array(16)

  it('has a host once it is sent, and a lease once it is leased', () => {
    const wrong: list.SealedRow[] = [
      { host: undefined, state: 'acknowledged', lease: undefined },
      { host: undefined, state: 'leased', lease },
      { host, state: 'leased', lease: undefined },
      { host, state: 'acknowledged', lease },
      { host, state: 'none', lease },
      { host: undefined, state: 'bad', lease },
    ]
    for (const one of wrong) expect(() => encode(list.sealedRecord, record(one))).toThrow(expect.objectContaining({ code: 'format.unencodable' }))
  })

  it('stands beside as many roots, of at least k, that can hold the length', () => {
    const sound = record({ host, state: 'leased', lease })
    const wrong: Partial<list.SealedRecord>[] = [{ k: 2 }, { length: 0 }, { length: 65 }, { roots: [host, host] }, { rows: [] }]
    expect(encode(list.sealedRecord, sound).length).toBeGreaterThan(0)
    for (const part of wrong) {
      expect(() => encode(list.sealedRecord, { ...sound, ...part })).toThrow(expect.objectContaining({ code: 'format.unencodable' }))
    }
  })
})

const id = new Uint8Array(16).fill(10)
const name = new Uint8Array(32).fill(11)

describe('keys of the list', () => {
  it('are those of docs/formats/list.md', () => {
    const file = '0a'.repeat(16)
    const chunk = '0b'.repeat(32)
    expect(listKey.secret(fromHex('0102030405060708'))).toBe('secret/0102030405060708')
    expect(listKey.ownSecret).toBe('secret-own')
    expect(listKey.account).toBe('account')
    expect(listKey.file(id)).toBe(`file/${file}`)
    expect(listKey.part(id)).toBe(`part/${file}`)
    expect(listKey.drive(10, 255)).toBe('drive/0000000a/000000ff')
    expect(listKey.sync).toBe('sync')
    expect(listKey.ref(id, 258)).toBe(`ref/${file}/00000102`)
    expect(listKey.piece(name)).toBe(`piece/${chunk}`)
    expect(listKey.sealed(name)).toBe(`sealed/${chunk}`)
    expect(listKey.use(name, id)).toBe(`use/${chunk}/${file}`)
    expect(listKey.lease(id)).toBe(`lease/${file}`)
    expect(listKey.host(name)).toBe(`host/${chunk}`)
    expect(listKey.node(name)).toBe(`node/${chunk}`)
    expect(listKey.release(name, id)).toBe(`release/${chunk}/${file}`)
  })

  it('sort pieces of a file in their order, under the prefix of its refs', () => {
    const keys = [0, 9, 16, 255, 65_536].map((index) => listKey.ref(id, index))
    expect([...keys].sort()).toEqual(keys)
    expect(keys.every((key) => key.startsWith(listKey.refs(id)))).toBe(true)
    expect(listKey.use(name, id).startsWith(listKey.uses(name))).toBe(true)
    expect(listKey.release(name, id).startsWith(listKey.releases(name))).toBe(true)
  })

  it('are refused with a value of another kind, or when there is no such key', () => {
    const secret = encode(list.secretRecord, name)
    expect(() => checkListEntry(listKey.secret(new Uint8Array(8)), secret)).not.toThrow()
    expect(() => checkListEntry(listKey.use(name, id), new Uint8Array(0))).not.toThrow()
    const wrong: [string, Bytes][] = [
      [listKey.file(id), secret],
      [listKey.lease(id), secret],
      [listKey.use(name, id), secret],
      [listKey.ownSecret, secret],
      ['secret/01', secret],
      [listKey.secret(new Uint8Array(8)).toUpperCase(), secret],
      ['other', secret],
      [`x${listKey.secret(new Uint8Array(8))}`, secret],
    ]
    for (const [key, value] of wrong) expect(() => checkListEntry(key, value)).toThrow(expect.objectContaining({ kind: 'invalid' }))
  })
})

const blake3 = nobleBlake3()
const backups: fc.Arbitrary<Backup> = fc
  .record({ created: number, secrets: some(hash), files: some(fc.tuple(arbitraryBytes(16), files)), own: fingerprint })
  .map(({ created, secrets, files: all, own }) => {
    const entries = new Map<string, Bytes>([[listKey.ownSecret, own]])
    for (const secret of secrets) entries.set(listKey.secret(blake3.hash(secret).subarray(0, 8)), encode(list.secretRecord, secret))
    for (const [file, record] of all) entries.set(listKey.file(file), encode(list.fileRecord, record))
    return { created, entries: [...entries.keys()].sort().map((key) => ({ key, value: entries.get(key) ?? own })) }
  })

codecContract('a backup', { encode: (backup: Backup) => encodeBackup(backup, blake3), decode: (bytes) => decodeBackup(bytes, blake3) }, backups)

describe('a backup', () => {
  const entry = { key: listKey.secret(new Uint8Array(8)), value: encode(list.secretRecord, name) }
  const whole = encodeBackup({ created: 1, entries: [entry] }, blake3)
  /** A backup of these entries with a right hash, as a foreign program could write it. */
  const foreign = (key: string, value: Bytes): Bytes => {
    const hex = toHex(encodeBackup({ created: 1, entries: [{ key, value }] }, blake3))
    return fromHex(hex)
  }
  const refused = (bytes: Bytes, code: string): void =>
    expect(() => decodeBackup(bytes, blake3)).toThrow(expect.objectContaining({ code }))

  it('says whether it is something else, damaged, or from a newer Shoal', () => {
    refused(new Uint8Array(0), 'format.magic')
    refused(fromHex('ffd8ffe0'), 'format.magic')
    for (let end = 8; end < whole.length; end++) refused(whole.slice(0, end), 'backup.damaged')
    const flipped = new Uint8Array(whole)
    flipped[20] = (flipped[20] ?? 0) ^ 1
    refused(flipped, 'backup.damaged')
    const newer = new Uint8Array(whole)
    newer[8] = 2
    refused(newer, 'format.version')
    refused(concat([whole, Uint8Array.of(0)]), 'backup.damaged')
  })

  it('holds no hosts and no unknown or malformed entries, although its hash is right', () => {
    for (const key of [listKey.account, listKey.host(name), listKey.drive(0, 0), listKey.part(id), listKey.named(id), listKey.sync]) expect(isBackedUp(key)).toBe(false)
    expect(isBackedUp(entry.key)).toBe(true)
    refused(foreign(listKey.host(name), new Uint8Array(0)), 'format.range')
    refused(foreign('other', new Uint8Array(0)), 'format.range')
    refused(foreign(listKey.file(id), new Uint8Array(1)), 'format.version')
  })

  it('is written in key order, each key once', () => {
    const entries = [{ key: 'b', value: name }, { key: 'a', value: name }]
    expect(() => encodeBackup({ created: 1, entries }, blake3)).toThrow(expect.objectContaining({ code: 'format.unencodable' }))
    expect(() => encodeBackup({ created: 1, entries: [entry, entry] }, blake3)).toThrow(expect.objectContaining({ code: 'format.unencodable' }))
  })
})
