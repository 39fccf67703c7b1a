import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const SOURCE = fileURLToPath(new URL('isal.c', import.meta.url))

/**
 * What Shoal's erasure code is measured against: bytes of data per second that Intel's ISA-L codes on one core with AVX2, 10 data rows to 6 parity
 * rows of 420 KiB. Takes about a second, and a compiler. `undefined`, having said why, without `cc`, libisal or AVX2.
 */
export async function isalRate(): Promise<number | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'isal-'))
  try {
    const program = join(folder, 'isal')
    await run('cc', ['-O2', SOURCE, '-lisal', '-o', program])
    const { stdout } = await run(program)
    return Number(stdout)
  } catch (error) {
    console.error(`ISA-L is not measured: ${reason(error)}`)
    return undefined
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** What a program that failed has said; that it is not there, if it did not run. */
function reason(error: unknown): string {
  const said = error instanceof Error && 'stderr' in error && typeof error.stderr === 'string' ? error.stderr.trim() : ''
  return said === '' ? String(error) : said
}
