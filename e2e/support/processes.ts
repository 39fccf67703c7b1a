import { readdir, readFile } from 'node:fs/promises'

/** Proportional set size in MiB, summed over the processes whose command line names `folder`, and their children. */
export async function memoryOf(folder: string): Promise<number> {
  const parents = new Map<number, number>()
  const named = new Set<number>()
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const [command, status] = await Promise.all([read(entry, 'cmdline'), read(entry, 'status')])
    parents.set(Number(entry), Number(/^PPid:\s+(\d+)/m.exec(status)?.[1] ?? 0))
    if (command.includes(`--user-data-dir=${folder}`)) named.add(Number(entry))
  }
  let total = 0
  for (const pid of parents.keys()) if (descends(pid, named, parents)) total += await pss(pid)
  return total / 1024
}

function descends(pid: number, from: ReadonlySet<number>, parents: ReadonlyMap<number, number>): boolean {
  for (let at = pid; at > 1; at = parents.get(at) ?? 0) if (from.has(at)) return true
  return false
}

/** KiB. */
async function pss(pid: number): Promise<number> {
  return Number(/^Pss:\s+(\d+) kB/m.exec(await read(String(pid), 'smaps_rollup'))?.[1] ?? 0)
}

/** A process may end while it is looked at; then it has no memory either. */
function read(pid: string, file: string): Promise<string> {
  return readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')
}

/** Samples the memory while `work` runs; resolves with the peak in MiB. */
export async function peakDuring(folder: string, work: () => Promise<void>): Promise<number> {
  let peak = 0
  const done = new AbortController()
  const sampling = (async () => {
    while (!done.signal.aborted) {
      peak = Math.max(peak, await memoryOf(folder))
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  })()
  try {
    await work()
  } finally {
    done.abort()
    await sampling
  }
  return peak
}
