import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Bytes } from '../../base/bytes.ts'
import { formatRecordValue } from '../../formats/record-value.ts'
import type { StoredObject } from '../../swarm/shard-client.ts'
import { SeededRandom } from '../../testkit/seeded-random.ts'
import type { MemoryHost } from '../../testkit/shard-world.ts'
import { failureOf, reads, storageWorld, testFile, type StorageWorld } from '../../testkit/storage-world.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const random = new SeededRandom(3)
const strange = random.bytes(32)

type Forge = (right: StoredObject, made: StorageWorld) => Promise<StoredObject>

async function signed(made: StorageWorld, value: Parameters<typeof formatRecordValue>[0]): Promise<Bytes> {
  const expires = made.shards.clock.now() + 86_400_000
  return made.shards.records.sign(strange, { value: formatRecordValue(value), sequence: 2n ** 40n, expires })
}

const FORGERIES: [string, Forge][] = [
  ['a record of no form', async ({ bytes }) => ({ record: random.bytes(300), bytes })],
  ['a record with one bit changed', async ({ record, bytes }) => ({ record: flip(record), bytes })],
  [
    'a newer record of another owner that names another object',
    async (_, made) => {
      const bytes = random.bytes(500)
      return { record: await signed(made, { kind: 'object', name: made.shards.blake3.hash(bytes), holders: [] }), bytes }
    },
  ],
  ['word of another owner that the file is gone', async (_, made) => ({ record: await signed(made, { kind: 'gone' }), bytes: new Uint8Array() })],
  ['another object than the record names', async ({ record }) => ({ record, bytes: random.bytes(500) })],
  ['an object with one bit changed', async ({ record, bytes }) => ({ record, bytes: flip(bytes) })],
  ['a record without its object', async ({ record }) => ({ record, bytes: new Uint8Array() })],
]

function flip(bytes: Bytes): Bytes {
  return bytes.map((byte, at) => (at === bytes.length - 1 ? byte ^ 1 : byte))
}

function forges(host: MemoryHost, forge: Forge, made: StorageWorld): void {
  const { objects } = host.vault
  const get = objects.get.bind(objects)
  vi.spyOn(objects, 'get').mockImplementation(async (name) => forge(await get(name), made))
}

/** A file on three hosts, its link, and nobody but these hosts who knows of it. */
async function scene() {
  const made = await storageWorld()
  const hosts = await made.hosts(3)
  const device = made.device()
  await device.start()
  const bytes = random.bytes(50_000)
  const link = device.running.link(await device.store(testFile('a', bytes)))
  const holders = (): number => hosts.filter(({ metaDisk }) => [...metaDisk.entries.keys()].some((key) => key.startsWith('object/'))).length
  await made.until(() => holders() === hosts.length, 'the link on all hosts')
  made.shards.dht.servers = 0
  return { made, hosts, link, bytes }
}

describe('a link whose hosts forge', () => {
  let all: Awaited<ReturnType<typeof scene>>
  beforeAll(async () => {
    all = await scene()
  })
  afterEach(() => {
    vi.restoreAllMocks()
  })
  afterAll(() => {
    all.made.close()
  })

  test.each(FORGERIES)('%s opens while one of them is honest, with the right bytes', async (_, forge) => {
    const { made, hosts, link, bytes } = all
    for (const host of hosts.slice(1)) forges(host, forge, made)
    expect(await reads(await made.reader().linkReader(link), bytes)).toBe(true)
  })

  test('in all the ways there are, and nobody is honest, does not open, and is not taken for removed', async () => {
    const { made, hosts, link } = all
    let next = 0
    // The right object next to a wrong record would be taken, and rightly: a record from elsewhere names it by its hash.
    const forge: Forge = async (right) => {
      const { record, bytes } = await FORGERIES[next++ % FORGERIES.length]![1](right, made)
      return { record, bytes: bytes === right.bytes ? flip(bytes) : bytes }
    }
    for (const host of hosts) forges(host, forge, made)
    expect(await failureOf(made.reader().linkReader(link))).toMatchObject({ kind: 'transient', code: 'link.unreachable' })
    expect(next).toBeGreaterThanOrEqual(FORGERIES.length)
  })
})
