import { execFile } from 'node:child_process'
import { mkdir, readdir } from 'node:fs/promises'
import { openAsBlob } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { toHex } from '../../core/base/bytes.ts'
import { createLocalCoder, loadKernels } from '../../core/flows/coder/local.ts'
import type { Coder, CoderKeys, Piece } from '../../core/ports/coder.ts'
import { archivesOf, fetchReleases, type History } from '../chunker/histories.ts'
import { report } from '../report.ts'
import { has, resticBytes } from './backup.ts'
import { inMemory, MIB } from './files.ts'

const run = promisify(execFile)
const PACKAGES: History = ['typescript', 'svelte', 'vite']
const keys: CoderKeys = { cut: new Uint8Array(32).fill(1), dedup: new Uint8Array(32).fill(2), seal: new Uint8Array(32).fill(3) }
const REPOSITORIES = 3
/** As in core/flows/store: smaller files go into packs, and the smallest into records of their own. */
const [INLINE, SMALL, PACK] = [1024, MIB, 4 * MIB]

/** What consecutive releases of a few packages, unpacked, take sealed (before the erasure code, which multiplies it), next to a repository of restic. */
export async function versions(): Promise<void> {
  const failure = await fetchReleases(PACKAGES)
  if (failure !== undefined) {
    console.error('versions: skipped, as npm could not fetch the releases.', failure)
    return
  }
  await inMemory(async (scratch) => {
    const folders: string[] = []
    for (const [i, archives] of archivesOf(PACKAGES).entries()) {
      const folder = join(scratch, `version-${i}`)
      folders.push(folder)
      for (const [j, archive] of archives.entries()) {
        await mkdir(join(folder, String(j)), { recursive: true })
        await run('tar', ['-xzf', archive, '-C', join(folder, String(j))])
      }
    }
    const sealed = new Sealed(createLocalCoder(await loadKernels()))
    for (const folder of folders) await sealed.add(folder)
    // A repository draws a polynomial of its own, and with it where files are cut: the median of three.
    const repositories: number[] = []
    for (let i = 0; i < REPOSITORIES && (await has('restic')); i++) repositories.push(await resticBytes(scratch, folders))
    const reference = repositories.sort((a, b) => a - b)[repositories.length >> 1]
    report({ bench: 'coder', metric: 'versions: sealed bytes of a history of releases, over restic', value: sealed.bytes / MIB, unit: 'MiB', ...(reference === undefined ? {} : { reference: reference / MIB }) })
    report({ bench: 'coder', metric: 'versions: the same, over all bytes', value: sealed.bytes / MIB, unit: 'MiB', reference: sealed.all / MIB })
  })
}

/** Counts what is sealed of folder after folder, each content once. */
class Sealed {
  all = 0
  bytes = 0
  private readonly known = new Set<string>()
  private pack: Piece[] = []
  private readonly coder: Coder

  constructor(coder: Coder) {
    this.coder = coder
  }

  async add(folder: string): Promise<void> {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
    for (const path of paths.sort()) await this.file(await openAsBlob(path))
    await this.flush()
  }

  private async file(file: Blob): Promise<void> {
    this.all += file.size
    if (file.size <= INLINE) this.bytes += file.size
    else if (file.size < SMALL) await this.small(file)
    else await this.large(file)
  }

  private async small(file: Blob): Promise<void> {
    for (const piece of await this.coder.identify([file], keys)) {
      if (this.isKnown(piece)) continue
      if (this.pack.reduce((sum, { length }) => sum + length, piece.length) > PACK) await this.flush()
      this.pack.push(piece)
    }
  }

  private async large(file: Blob): Promise<void> {
    for (let at = 0; at < file.size; ) {
      for (const piece of await this.coder.cut(file, at, keys)) {
        at += piece.length
        if (!this.isKnown(piece)) await this.seal([piece])
      }
    }
  }

  private async flush(): Promise<void> {
    if (this.pack.length > 0) await this.seal(this.pack.splice(0))
  }

  private async seal(pieces: readonly Piece[]): Promise<void> {
    const { frames } = await this.coder.encode(pieces, keys, { k: 1, n: 1 })
    this.bytes += frames.reduce((sum, { length }) => sum + length, 0)
  }

  private isKnown({ id }: Piece): boolean {
    const name = toHex(id)
    if (this.known.has(name)) return true
    this.known.add(name)
    return false
  }
}
