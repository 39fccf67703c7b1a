import { readdir, readFile } from 'node:fs/promises'

/** The processes whose command line names `folder` as a browser's, and their children; of these only such as have `argument`, if given. */
export async function processesOf(folder: string, argument?: string): Promise<number[]> {
  const parents = new Map<number, number>()
  const commands = new Map<number, string>()
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const [command, status] = await Promise.all([read(entry, 'cmdline'), read(entry, 'status')])
    parents.set(Number(entry), Number(/^PPid:\s+(\d+)/m.exec(status)?.[1] ?? 0))
    commands.set(Number(entry), command)
  }
  const named = new Set([...commands].filter(([, command]) => command.includes(`--user-data-dir=${folder}`)).map(([pid]) => pid))
  return [...parents.keys()].filter((pid) => descends(pid, named, parents) && (argument === undefined || commands.get(pid)?.includes(argument) === true))
}

/** Proportional set size in MiB, summed over the processes of the browser in `folder`. */
export async function memoryOf(folder: string): Promise<number> {
  let total = 0
  for (const pid of await processesOf(folder)) total += await pss(pid)
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
