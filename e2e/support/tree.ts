import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { digest } from './real-files.ts'

/** A folder tree on disk: path below its top → SHA-256. */
export type Tree = ReadonlyMap<string, string>

/** Makes `files` small files in `folders` folders, some in others, below `root`. */
export async function makeTree(root: string, files: number, folders: number): Promise<Tree> {
  const paths = Array.from({ length: folders }, (_, i) => (i % 3 === 2 ? `folder ${String(i - 1)}/folder ${String(i)}` : `folder ${String(i)}`))
  const tree = new Map<string, string>()
  for (let i = 0; i < files; i++) {
    const bytes = randomBytes(100 + i * 40)
    const path = `${paths[i % folders] ?? ''}/file ${String(i)}.bin`
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), bytes)
    tree.set(path, digest(bytes))
  }
  return tree
}
