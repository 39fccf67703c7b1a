import { afterEach, describe, expect, it } from 'vitest'
import { AppError } from '../../core/base/errors.ts'
import type { ExportState } from '../contract-export.ts'
import type { FileSource } from '../download/stream.ts'
import { exportTree, type ExportTree } from './export-tree.ts'

interface Folder {
  readonly [name: string]: string | Folder | AppError
}

const quiet = new AbortController().signal

/** A tree whose files have this text, or cannot be read for this reason; ids are paths. */
function treeOf(root: Folder, read: (path: string, text: string) => AsyncIterable<Uint8Array> = parts): ExportTree {
  const at = (path: string): Folder | string | AppError => path.split('/').filter(Boolean).reduce<Folder | string | AppError>((node, name) => (node as Folder)[name]!, root)
  const files = (node: Folder): number => Object.values(node).reduce((sum, child) => sum + (typeof child === 'string' || child instanceof AppError ? 1 : files(child)), 0)
  return {
    files: files(root),
    children: (id) => Object.entries(at(id) as Folder).map(([name, child]) => ({ id: `${id}/${name}`, name, kind: typeof child === 'string' || child instanceof AppError ? 'file' : 'folder' })),
    source(id): FileSource {
      const text = at(id)
      if (typeof text !== 'string') throw text as AppError
      return { head: { name: id, type: '', size: text.length }, read: () => read(id, text) }
    },
  }
}

/** Bytes in parts of three, in one buffer that is used again. */
async function* parts(_path: string, text: string): AsyncIterable<Uint8Array> {
  const bytes = new TextEncoder().encode(text)
  const buffer = new Uint8Array(3)
  for (let from = 0; from < bytes.length; from += 3) {
    const part = bytes.subarray(from, from + 3)
    buffer.set(part)
    yield buffer.subarray(0, part.length)
  }
}

async function emptyFolder(): Promise<FileSystemDirectoryHandle> {
  return (await navigator.storage.getDirectory()).getDirectoryHandle('computer', { create: true })
}

async function textAt(folder: FileSystemDirectoryHandle, path: string): Promise<string> {
  const names = path.split('/')
  const last = names.pop()!
  let at = folder
  for (const name of names) at = await at.getDirectoryHandle(name)
  return (await (await at.getFileHandle(last)).getFile()).text()
}

async function namesIn(folder: FileSystemDirectoryHandle): Promise<string[]> {
  const names: string[] = []
  for await (const name of folder.keys()) names.push(name)
  return names.sort()
}

afterEach(async () => {
  await (await navigator.storage.getDirectory()).removeEntry('computer', { recursive: true }).catch(() => undefined)
})

describe('a copy of the drive in a folder of the computer', () => {
  it('has the same folders and files, empty ones included', async () => {
    const into = await emptyFolder()
    const told: ExportState[] = []
    const report = await exportTree(treeOf({ 'a.txt': 'hello world', none: {}, deep: { er: { 'b.txt': '' } } }), into, 'Shoal', (state) => told.push(state), quiet)
    expect(report).toEqual({ folder: 'Shoal', files: 2, renamed: 0, left: 0, examples: [] })
    expect(await textAt(into, 'Shoal/a.txt')).toBe('hello world')
    expect(await textAt(into, 'Shoal/deep/er/b.txt')).toBe('')
    expect(await namesIn(await (await into.getDirectoryHandle('Shoal')).getDirectoryHandle('none'))).toEqual([])
    expect(told.at(-1)).toEqual({ done: 2, files: 2, bytes: 11 })
  })

  it('never touches what was there', async () => {
    const into = await emptyFolder()
    await into.getDirectoryHandle('Shoal', { create: true })
    await into.getFileHandle('Shoal (2)', { create: true })
    expect((await exportTree(treeOf({ 'a.txt': 'x' }), into, 'Shoal', () => undefined, quiet)).folder).toBe('Shoal (3)')
    expect(await namesIn(await into.getDirectoryHandle('Shoal'))).toEqual([])
  })

  it('gives names that the computer does not take another spelling, and never the same one twice', async () => {
    const into = await emptyFolder()
    const report = await exportTree(treeOf({ 'a:b': '1', 'a_b': '2', 'con': '3' }), into, 'Shoal', () => undefined, quiet)
    expect(report).toMatchObject({ files: 3, renamed: 3, left: 0 })
    expect(await namesIn(await into.getDirectoryHandle('Shoal'))).toEqual(['_con', 'a_b', 'a_b (2)'])
  })

  it('leaves out what cannot be read, says so, and goes on', async () => {
    const into = await emptyFolder()
    const away = new AppError('transient', 'hosts.away', 'away')
    const report = await exportTree(treeOf({ in: { 'a.txt': away }, 'b.txt': 'b' }), into, 'Shoal', () => undefined, quiet)
    expect(report).toMatchObject({ files: 1, left: 1, examples: ['in/a.txt'] })
    expect(await textAt(into, 'Shoal/b.txt')).toBe('b')
  })

  it('tries a file that broke off again after the others, and leaves no half of it', async () => {
    const into = await emptyFolder()
    let attempts = 0
    const tree = treeOf({ 'a.txt': 'abcdef', 'b.txt': 'b', 'c.txt': 'never' }, async function* (path, text) {
      if (path.endsWith('c.txt') || (path.endsWith('a.txt') && attempts++ === 0)) {
        yield new TextEncoder().encode(text.slice(0, 2))
        throw new AppError('transient', 'hosts.away', 'away')
      }
      yield* parts(path, text)
    })
    expect(await exportTree(tree, into, 'Shoal', () => undefined, quiet)).toMatchObject({ files: 2, left: 1, examples: ['c.txt'] })
    expect(await textAt(into, 'Shoal/a.txt')).toBe('abcdef')
    expect(await namesIn(await into.getDirectoryHandle('Shoal'))).toEqual(['a.txt', 'b.txt'])
  })

  it('ends at once when it is cancelled', async () => {
    const into = await emptyFolder()
    const cancel = new AbortController()
    const tree = treeOf({ 'a.txt': 'a', 'b.txt': 'b' }, async function* (path, text) {
      yield* parts(path, text)
      cancel.abort(new AppError('aborted', 'aborted', 'cancelled'))
    })
    await expect(exportTree(tree, into, 'Shoal', () => undefined, cancel.signal)).rejects.toMatchObject({ kind: 'aborted' })
    expect(await namesIn(await into.getDirectoryHandle('Shoal'))).toEqual(['a.txt'])
  })

  it('says so when the folder is gone', async () => {
    const into = await emptyFolder()
    await (await navigator.storage.getDirectory()).removeEntry('computer', { recursive: true })
    await expect(exportTree(treeOf({ 'a.txt': 'a' }), into, 'Shoal', () => undefined, quiet)).rejects.toMatchObject({ kind: 'transient', code: 'export.lost' })
  })
})
