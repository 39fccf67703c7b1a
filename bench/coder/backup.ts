import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const env = { ...process.env, BORG_PASSPHRASE: 'bench', BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: 'yes', BORG_RELOCATED_REPO_ACCESS_IS_OK: 'yes', RESTIC_PASSWORD: 'bench' }

async function seconds(command: string, args: readonly string[], cwd: string): Promise<number> {
  const begin = performance.now()
  await run(command, [...args], { cwd, env, maxBuffer: 2 ** 26 })
  return (performance.now() - begin) / 1000
}

/** Whether `command` is on this machine; says so on stderr when it is not. */
export async function has(command: string): Promise<boolean> {
  const there = await run(command, ['--help']).then(() => true, (error: unknown) => (error as { code?: unknown }).code !== 'ENOENT')
  if (!there) console.error(`${command} is not on this machine: what is measured against it is left out`)
  return there
}

/** Seconds that borg takes to store `what`, a path below `folder`, in a fresh repository there (repokey, lz4), and to extract it again. */
export async function borg(folder: string, what: string): Promise<{ create: number; extract: number }> {
  const repository = join(folder, 'borg')
  const out = join(folder, 'out')
  try {
    await seconds('borg', ['init', '-e', 'repokey', repository], folder)
    const create = await seconds('borg', ['create', '-C', 'lz4', `${repository}::one`, what], folder)
    await run('mkdir', [out])
    const extract = await seconds('borg', ['extract', `${repository}::one`], out)
    return { create, extract }
  } finally {
    for (const path of [repository, out]) await rm(path, { recursive: true, force: true })
  }
}

/** Bytes of a restic repository that holds these folders, one snapshot after another. */
export async function resticBytes(scratch: string, folders: readonly string[]): Promise<number> {
  const repository = join(scratch, 'restic')
  try {
    await seconds('restic', ['init', '-r', repository], scratch)
    for (const folder of folders) await seconds('restic', ['backup', '-q', '-r', repository, '.'], folder)
    const { stdout } = await run('du', ['-sb', repository])
    return Number.parseInt(stdout, 10)
  } finally {
    await rm(repository, { recursive: true, force: true })
  }
}
