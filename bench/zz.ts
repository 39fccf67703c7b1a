import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DiskBrowser } from '../e2e/support/browser.ts'
import { connected } from '../e2e/support/page.ts'
import { newFolder, RunningShoal } from '../e2e/support/shoal.ts'
import { openHostTab } from '../e2e/support/tabs.ts'
import { fetchTime, storeTime, watchPage } from './transfer/page.ts'
import { rawRate } from './transfer/raw.ts'
const MIB = 2 ** 20
const perfing = process.argv.includes('perf')
const rounds = Number(process.argv[2] ?? 1)
const perf = (name: string) => { if (!perfing) return { kill() {} }; const p = spawn('perf', ['record', '-a', '-F', '499', '-o', `/tmp/h/perf.${name}`, 'sleep', '12'], { stdio: 'ignore' }); return p }
const folder = await newFolder()
const shoal = await RunningShoal.start({ hosts: 0 })
const browsers = await Promise.all(Array.from({ length: 5 }, () => DiskBrowser.fresh()))
try {
  const [first, ...rest] = browsers
  const hosts = []
  for (const browser of rest) hosts.push(await openHostTab((await browser.open('about:blank')).context(), shoal.url))
  const owner = await first!.open('about:blank')
  await watchPage(owner)
  await owner.goto(shoal.url)
  await connected(owner, 4)
  const pair = [await owner.context().newPage(), await hosts[0]!.context().newPage()] as const
  await owner.bringToFront()
  for (let r = 0; r < rounds; r++) {
    const path = join(folder, `b${r}.bin`)
    await writeFile(path, randomBytes(128 * MIB))
    const raw = await rawRate(...pair, { count: 2048, size: 65536, window: MIB })
    const p = perf('store')
    const s = await storeTime(owner, [path], [`b${r}.bin`])
    p.kill()
    const q = perf('fetch')
    const f = await fetchTime(owner, `Download b${r}.bin`)
    q.kill()
    console.log(JSON.stringify({ raw: raw / MIB, store: 128 / s, fetch: 128 / f.seconds, storeRatio: (128 / s) / (raw / MIB / 1.6), fetchRatio: 128 / f.seconds / (raw / MIB) }))
  }
} finally {
  for (const browser of browsers) await browser.close()
  await shoal.clean()
  await rm(folder, { recursive: true })
}
setTimeout(process.exit, 500)
