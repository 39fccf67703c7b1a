import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, it } from 'vitest'
import { openShardStore } from '../../core/vault/shard-store.ts'
import { openLevelMetaStore } from './level-meta-store.ts'
import { openNodeShardFiles } from './node-shard-files.ts'

const SIZE = 200_000
const rootOf = (i: number): string => i.toString(16).padStart(64, '0')

/** Puts shards until it is killed, and prints the number of each that was acknowledged. */
const child = (folder: string): string => `
  const { openShardStore } = await import(${JSON.stringify(new URL('../../core/vault/shard-store.ts', import.meta.url).href)})
  const { openLevelMetaStore } = await import(${JSON.stringify(new URL('level-meta-store.ts', import.meta.url).href)})
  const { openNodeShardFiles } = await import(${JSON.stringify(new URL('node-shard-files.ts', import.meta.url).href)})
  const index = await openLevelMetaStore(${JSON.stringify(join(folder, 'index'))})
  const store = await openShardStore(await openNodeShardFiles(${JSON.stringify(join(folder, 'shards'))}), index)
  const lane = async (first) => {
    for (let i = first; ; i += 4) {
      await store.put(i.toString(16).padStart(64, '0'), new Uint8Array(${SIZE}).fill(i))
      process.stdout.write(i + '\\n')
    }
  }
  await Promise.all([0, 1, 2, 3].map(lane))
`

it('keeps every acknowledged shard, and none that is half-written, when the process is killed in the middle of puts', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-kill-'))
  const acknowledged: number[] = []
  for (const kills of [3, 17]) {
    const running = spawn(process.execPath, ['--input-type=module', '-e', child(folder)], { stdio: ['ignore', 'pipe', 'inherit'] })
    let lines = 0
    for await (const line of createInterface({ input: running.stdout })) {
      acknowledged.push(Number(line))
      if (++lines === kills) running.kill('SIGKILL')
    }
  }
  const index = await openLevelMetaStore(join(folder, 'index'))
  const files = await openNodeShardFiles(join(folder, 'shards'))
  const store = await openShardStore(files, index)
  for (const i of acknowledged) expect(await store.get(rootOf(i))).toEqual(new Uint8Array(SIZE).fill(i))
  const listed: string[] = []
  for await (const { root, size } of store.list()) {
    expect(size).toBe(SIZE)
    expect(await store.get(root)).toEqual(new Uint8Array(SIZE).fill(Number.parseInt(root, 16)))
    listed.push(root)
  }
  expect(await files.names('00')).toHaveLength(listed.length)
  expect(acknowledged.length).toBeGreaterThanOrEqual(20)
  await index.close()
  await rm(folder, { recursive: true })
})
