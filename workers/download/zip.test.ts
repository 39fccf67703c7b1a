import { unzipSync } from 'fflate'
import { describe, expect, it } from 'vitest'
import { concat, utf8 } from '../../core/base/bytes.ts'
import { AppError } from '../../core/base/errors.ts'
import { SeededRandom } from '../../core/testkit/seeded-random.ts'
import type { FileSource } from './stream.ts'
import { zipOf, type ZipMember } from './zip.ts'

const MIB = 1024 * 1024
const never = new AbortController().signal

/** A file in memory, handed out in parts; `open` counts how many of such files are being read. */
function member(path: string, bytes: Uint8Array, open: { now: number; most: number }, fail?: AppError): ZipMember {
  const source: FileSource = {
    head: { name: path, type: '', size: bytes.length },
    async *read({ start, end }) {
      open.most = Math.max(open.most, ++open.now)
      try {
        for (let at = start; at < end; at += 100_000) {
          if (fail !== undefined) throw fail
          yield bytes.subarray(at, Math.min(end, at + 100_000))
        }
      } finally {
        open.now--
      }
    },
  }
  return { path, modified: Date.UTC(2026, 0, 2), source }
}

async function all(zip: FileSource, start = 0, end = zip.head.size): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const part of zip.read({ start, end }, never)) parts.push(part)
  return concat(parts)
}

function folder(): { files: Map<string, Uint8Array>; zip: FileSource; open: { now: number; most: number } } {
  const random = new SeededRandom(3)
  const open = { now: 0, most: 0 }
  const files = new Map<string, Uint8Array>([['empty', new Uint8Array()], ['dir/naïve 漢字 🐟.txt', utf8('hello')], ['large', random.bytes(3 * MIB)]])
  for (let i = 0; i < 700; i++) files.set(`many/${String(i)}`, random.bytes(random.integer(0, 3000)))
  return { files, open, zip: zipOf('all.zip', [...files].map(([path, bytes]) => member(path, bytes, open))) }
}

describe('a ZIP of files', () => {
  it('holds each of them byte for byte under its path, and is as long as it said', async () => {
    const { files, zip, open } = folder()
    const bytes = await all(zip)
    expect(bytes.length).toBe(zip.head.size)
    const found = unzipSync(bytes)
    expect(Object.keys(found).sort()).toEqual([...files.keys()].sort())
    for (const [path, content] of files) expect(Buffer.compare(found[path] ?? new Uint8Array(1), content)).toBe(0)
    expect(open.now).toBe(0)
    expect(open.most).toBeLessThanOrEqual(512)
  })

  it('is the same again from any byte on', async () => {
    const { zip } = folder()
    const bytes = await all(zip)
    for (const start of [1, 40, MIB, 3 * MIB + 7, bytes.length - 30]) {
      expect(Buffer.compare(await all(zip, start), bytes.subarray(start))).toBe(0)
    }
    expect(Buffer.compare(await all(zip, 10, 2000), bytes.subarray(10, 2000))).toBe(0)
  })

  it('breaks with the reason when one of them cannot be read, and reads none of them any more', async () => {
    const open = { now: 0, most: 0 }
    const damaged = new AppError('corrupt', 'chunk.damaged', 'bad')
    const members = [member('a', new Uint8Array(10), open), member('b', new Uint8Array(10), open, damaged), member('c', new Uint8Array(10), open)]
    await expect(all(zipOf('all.zip', members))).rejects.toBe(damaged)
    expect(open.now).toBe(0)
  })

  it('read from its end holds nothing of what comes before', async () => {
    const size = 384 * MIB
    const before = process.memoryUsage().arrayBuffers
    let most = 0
    const source: FileSource = {
      head: { name: 'big', type: '', size },
      async *read() {
        for (let at = 0; at < size; at += MIB) {
          most = Math.max(most, process.memoryUsage().arrayBuffers - before)
          yield new Uint8Array(MIB)
        }
      },
    }
    const zip = zipOf('all.zip', [{ path: 'big', modified: 0, source }])
    expect((await all(zip, zip.head.size - 100)).length).toBe(100)
    expect(most).toBeLessThan(size / 2)
  })
})
