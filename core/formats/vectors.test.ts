import { describe, expect, it } from 'vitest'
import { fromHex, utf8, type Bytes } from '../base/bytes.ts'
import { LABELS } from '../base/labels.ts'
import { keyFromSeed, sign, verify } from '../seal/ed25519.ts'
import { openFrame } from '../seal/frame.ts'
import { openObject, sealObject } from '../seal/object.ts'
import { nobleBlake3 } from '../testkit/noble-blake3.ts'
import { sealBuilt, sealFrame, wholeFrame } from '../testkit/seal-frame.ts'
import { readVectors, revive } from '../testkit/vectors.ts'
import { openAdvert, signAdvert, type HostAdvert } from './advert.ts'
import { decodeBackup, encodeBackup, type Backup } from './backup.ts'
import { decode, encode, type Codec } from './codec.ts'
import { driveLog, versionRecord } from './drive.ts'
import { chunkEntry, parityEntry } from './entry.ts'
import { formatLink, linkSeed, parseLink } from './link.ts'
import * as list from './list.ts'
import { acceptReceipt, signReceipt, type Receipt } from './receipt.ts'
import { shareObject } from './share.ts'
import { treeNode } from './tree-node.ts'

// The fixtures were written by core/formats/vectors/make.py, another implementation, and are never written again:
// what they hold must be readable for ever.

interface Known {
  readonly value: unknown
  readonly bytes: Bytes
}

const blake3 = nobleBlake3()

function known(file: string, name: string): Known {
  return (revive(readVectors('formats', file)) as Record<string, Known>)[name] as Known
}

function itIsKnown(codec: Codec<never>, file: string, name: string): void {
  it(`reads and writes the ${name} of ${file}.json`, () => {
    const { value, bytes } = known(file, name)
    expect(decode(codec, bytes)).toEqual(value)
    expect(encode(codec, value as never)).toEqual(bytes)
  })
}

describe('old data stays readable', () => {
  const trees = { entry: chunkEntry, parity: parityEntry, leaf: treeNode, branch: treeNode, share: shareObject, inline: shareObject }
  for (const [name, codec] of Object.entries(trees)) itIsKnown(codec as Codec<never>, 'trees', name)

  const records = {
    file: list.fileRecord,
    failedFile: list.fileRecord,
    piece: list.pieceRecord,
    ref: list.refRecord,
    sealed: list.sealedRecord,
    host: list.hostRecord,
    node: list.nodeRecord,
    release: list.releaseRecord,
    secret: list.secretRecord,
  }
  for (const [name, codec] of Object.entries(records)) itIsKnown(codec as Codec<never>, 'list', name)

  const drives = { version: versionRecord, log: driveLog, first: driveLog }
  for (const [name, codec] of Object.entries(drives)) itIsKnown(codec as Codec<never>, 'drive', name)

  it('reads and writes the backup of list.json', () => {
    const { value, bytes } = known('list', 'backup')
    expect(decodeBackup(bytes, blake3)).toEqual(value)
    expect(encodeBackup(value as Backup, blake3)).toEqual(bytes)
  })

  it('reads, verifies and signs the receipt of signed.json', async () => {
    const { value, bytes } = known('signed', 'receipt')
    const receipt = value as Receipt
    const seed = fromHex((readVectors('formats', 'signed') as { seed: { hex: string } }).seed.hex)
    expect(keyFromSeed(seed)).toEqual(receipt.host)
    expect(acceptReceipt(bytes, { ...receipt, now: receipt.issued }, verify)).toEqual(receipt)
    expect(await signReceipt(receipt, async (message) => sign(seed, message))).toEqual(bytes)
  })

  it('reads, verifies and signs the advert of signed.json', async () => {
    const { value, bytes } = known('signed', 'advert')
    const advert = value as HostAdvert
    const seed = fromHex((readVectors('formats', 'signed') as { seed: { hex: string } }).seed.hex)
    expect(openAdvert(bytes, advert.issued, verify)).toEqual(advert)
    expect(await signAdvert(advert, async (message) => sign(seed, message))).toEqual(bytes)
  })

  it('reads and makes the link of keys.json', () => {
    const vector = readVectors('formats', 'keys') as Record<'linkRandom' | 'linkSeed' | 'link', string>
    expect(linkSeed(fromHex(vector.linkRandom), blake3)).toEqual(fromHex(vector.linkSeed))
    expect(formatLink(fromHex(vector.linkSeed))).toBe(vector.link)
    expect(parseLink(vector.link, blake3)).toEqual(fromHex(vector.linkSeed))
  })
})

interface FrameVectors {
  readonly sealKey: string
  readonly frames: readonly {
    readonly plaintextStart: number
    readonly size: number
    readonly padding: number
    readonly key: string
    readonly sealed?: string
    readonly sealedHash?: string
  }[]
  readonly compressed: { readonly plaintext: string; readonly key: string; readonly sealed: string }
  readonly object: { readonly objectKey: string; readonly plaintext: string; readonly object: string; readonly name: string }
}

describe('old frames stay readable', () => {
  const vectors = readVectors('formats', 'frames') as FrameVectors
  const fill = (start: number, length: number): Bytes => Uint8Array.from({ length }, (_, i) => (start + i * 7) & 255)

  it('seals the frames of frames.json to their bytes, where nothing is compressed', async () => {
    const plain = vectors.frames.filter((one) => one.size < 1_000)
    expect(plain.length).toBe(3)
    for (const one of plain) {
      const plaintext = fill(one.plaintextStart, one.size)
      const padTo = 16 + one.size + one.padding
      const made = await sealFrame({ plaintext, sealKey: fromHex(vectors.sealKey), padTo, blake3 })
      expect(made.key).toEqual(fromHex(one.key))
      expect(made.sealed).toEqual(fromHex(one.sealed ?? ''))
      expect(await openFrame({ sealed: made.sealed, key: made.key })).toEqual(plaintext)
    }
  })

  it('opens the compressed frame, and seals and opens the object', async () => {
    const { compressed, object } = vectors
    expect(await openFrame({ sealed: fromHex(compressed.sealed), key: fromHex(compressed.key) })).toEqual(fromHex(compressed.plaintext))
    const name = fromHex(object.name)
    const sealed = await sealObject(fromHex(object.plaintext), fromHex(object.objectKey), blake3)
    expect(sealed).toEqual({ name, bytes: fromHex(object.object) })
    expect(await openObject(fromHex(object.object), fromHex(object.objectKey), blake3, { name })).toEqual(fromHex(object.plaintext))
  })

  it('opens the frame of zstd.json, which the zstd program compressed', async () => {
    const { plaintext, key, sealed } = readVectors('formats', 'zstd') as Record<'plaintext' | 'key' | 'sealed', string>
    expect(await openFrame({ sealed: fromHex(sealed), key: fromHex(key) })).toEqual(utf8(plaintext))
  })

  it('seals frames that end at and just behind a segment to their bytes', async () => {
    const long = vectors.frames.filter((one) => one.size >= 1_000)
    expect(long.length).toBe(2)
    for (const one of long) {
      const bytes = fill(one.plaintextStart, one.size)
      const frame = wholeFrame({ compression: 'none', size: one.size, bytes }, 16 + one.size + one.padding)
      const made = await sealBuilt(frame, fromHex(vectors.sealKey), blake3)
      expect(made.key).toEqual(fromHex(one.key))
      expect(blake3.hash(made.sealed)).toEqual(fromHex(one.sealedHash ?? ''))
    }
  })
})

it('has labels that no two uses share, none the beginning of another', () => {
  const labels = Object.values(LABELS)
  for (const [i, one] of labels.entries()) {
    for (const other of labels.slice(i + 1)) expect(one.startsWith(other) || other.startsWith(one)).toBe(false)
  }
})
