import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'

const run = promisify(execFile)
const unzip = promisify(gunzip)

const FOLDER = join(tmpdir(), 'shoal-bench-chunker')

/** Consecutive releases, oldest first. */
const RELEASES = {
  typescript: ['5.9.2', '5.9.3', '6.0.2', '6.0.3'],
  three: ['0.185.1', '0.186.0', '0.186.1', '0.187.0'],
  'aws-sdk': ['2.1690.0', '2.1691.0', '2.1692.0', '2.1693.0'],
  svelte: ['5.57.0', '5.57.1', '5.57.2', '5.57.3'],
  vite: ['8.3.5', '8.3.6', '8.3.7', '8.3.8'],
} as const
type Package = keyof typeof RELEASES
/** What is stored again and again: a package, or several one after another, as in a backup of the folder where they are installed. */
export type History = readonly Package[]

export const HISTORIES: readonly History[] = [['typescript'], ['three'], ['aws-sdk'], ['svelte', 'three', 'typescript', 'vite']]

/** The versions of a history that has been fetched, oldest first: each the tar archives of its packages, one after another. */
export async function* versions(packages: History): AsyncGenerator<Uint8Array> {
  for (const i of RELEASES.typescript.keys()) {
    const archives = packages.map(async (name) => unzip(await readFile(archive(name, RELEASES[name][i] ?? ''))))
    yield Buffer.concat(await Promise.all(archives))
  }
}

/** Fetches the releases that are not there yet. Gives what npm says when it cannot. */
export async function fetchReleases(packages: History): Promise<unknown> {
  await mkdir(FOLDER, { recursive: true })
  try {
    for (const name of packages) {
      for (const version of RELEASES[name]) {
        if (!existsSync(archive(name, version))) await run('npm', ['pack', '--silent', `${name}@${version}`], { cwd: FOLDER })
      }
    }
    return undefined
  } catch (failure) {
    return failure
  }
}

/** The archives of a history that has been fetched, by version, oldest first. */
export function archivesOf(packages: History): string[][] {
  return RELEASES.typescript.map((_, i) => packages.map((name) => archive(name, RELEASES[name][i] ?? '')))
}

function archive(name: Package, version: string): string {
  return join(FOLDER, `${name}-${version}.tgz`)
}
