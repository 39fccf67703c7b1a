import { AppError, asAppError, isAppError, throwIfAborted } from '../../core/base/errors.ts'
import { alikeKey, freeName } from '../../core/drive/names.ts'
import { TOP } from '../../core/formats/drive.ts'
import type { ExportReport, ExportState } from '../contract-export.ts'
import type { FileSource } from '../download/stream.ts'
import { safeName } from './safe-name.ts'

/** Files named in a report. */
const MAX_EXAMPLES = 20

/** What is copied: folders and files by id, the top included. */
export interface ExportTree {
  children(folder: string): readonly { readonly id: string; readonly name: string; readonly kind: 'folder' | 'file' }[]
  /** Throws `transient` for a file that is not stored yet, `absent` for one that is gone. */
  source(id: string): FileSource
  /** How many files there are, for the report of how far it is. */
  readonly files: number
}

interface Waiting {
  readonly id: string
  readonly name: string
  readonly path: string
  readonly folder: FileSystemDirectoryHandle
}

/**
 * Copies `tree` into the new folder `name` inside `into` (`name (2)` … when there is one). Files whose hosts are away are tried again after all others, for as long as that
 * brings any. A file appears under its name once it is whole. Errors: `denied` `export.refused`, `quota` `export.full`, `transient` `export.lost`; `aborted`.
 */
export async function exportTree(tree: ExportTree, into: FileSystemDirectoryHandle, name: string, tell: (state: ExportState) => void, signal: AbortSignal): Promise<ExportReport> {
  const copy = new TreeCopy(tree, tell, signal)
  const folder = await written(() => newFolder(into, name))
  await copy.folder(TOP, folder, '')
  return copy.finish(folder.name)
}

class TreeCopy {
  private readonly tree: ExportTree
  private readonly tell: (state: ExportState) => void
  private readonly signal: AbortSignal
  private waiting: Waiting[] = []
  private done = 0
  private bytes = 0
  private renamed = 0
  private gone = 0

  constructor(tree: ExportTree, tell: (state: ExportState) => void, signal: AbortSignal) {
    this.tree = tree
    this.tell = tell
    this.signal = signal
  }

  async folder(id: string, handle: FileSystemDirectoryHandle, path: string): Promise<void> {
    const names = new Set<string>()
    for (const child of this.childrenOf(id)) {
      throwIfAborted(this.signal)
      const name = this.nameFor(child.name, names)
      const below = path === '' ? child.name : `${path}/${child.name}`
      if (child.kind === 'folder') await this.folder(child.id, await written(() => handle.getDirectoryHandle(name, { create: true })), below)
      else await this.file({ id: child.id, name, path: below, folder: handle })
    }
  }

  async finish(folder: string): Promise<ExportReport> {
    for (let before = Infinity; this.waiting.length > 0 && this.waiting.length < before; ) {
      before = this.waiting.length
      const again = this.waiting
      this.waiting = []
      for (const file of again) await this.file(file)
    }
    const examples = this.waiting.slice(0, MAX_EXAMPLES).map(({ path }) => path)
    return { folder, files: this.done, renamed: this.renamed, left: this.waiting.length, examples }
  }

  /** What was deleted a moment ago has none. */
  private childrenOf(id: string): ReturnType<ExportTree['children']> {
    try {
      return this.tree.children(id)
    } catch (error) {
      if (isAppError(error, 'absent')) return []
      throw error
    }
  }

  private nameFor(name: string, taken: Set<string>): string {
    const safe = safeName(name)
    const free = taken.has(alikeKey(safe)) ? freeName(safe, (key) => taken.has(key)).name : safe
    taken.add(alikeKey(free))
    if (free !== name) this.renamed++
    return free
  }

  private async file(file: Waiting): Promise<void> {
    throwIfAborted(this.signal)
    const before = this.bytes
    try {
      await this.copy(file)
      this.done++
    } catch (error) {
      this.bytes = before
      // Deleted a moment ago: nothing is missing.
      if (isAppError(error, 'absent') && error.code.startsWith('entry.')) this.gone++
      else if (isAppError(error) && error.code.startsWith('export.')) throw error
      else if (isAppError(error, 'transient') || isAppError(error, 'corrupt') || isAppError(error, 'absent')) this.waiting.push(file)
      else throw error
    }
    this.report()
  }

  private async copy({ id, name, folder }: Waiting): Promise<void> {
    const source = this.tree.source(id)
    const range = { start: 0, end: source.head.size }
    const writable = await written(async () => (await folder.getFileHandle(name, { create: true })).createWritable())
    try {
      for await (const part of source.read(range, this.signal)) {
        // The source may use its buffer again.
        await written(() => writable.write(part.slice()))
        this.bytes += part.length
        this.report()
      }
    } catch (error) {
      await writable.abort().catch(() => undefined)
      await folder.removeEntry(name).catch(() => undefined)
      throw error
    }
    await written(() => writable.close())
  }

  private report(): void {
    this.tell({ done: this.done, files: Math.max(this.tree.files - this.gone, this.done + this.waiting.length), bytes: this.bytes })
  }
}

async function newFolder(into: FileSystemDirectoryHandle, name: string): Promise<FileSystemDirectoryHandle> {
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? name : `${name} (${String(number)})`
    if (!(await isThere(into, candidate))) return into.getDirectoryHandle(candidate, { create: true })
  }
}

async function isThere(into: FileSystemDirectoryHandle, name: string): Promise<boolean> {
  try {
    await into.getDirectoryHandle(name)
    return true
  } catch (error) {
    // A file has the name.
    if (error instanceof DOMException && error.name === 'TypeMismatchError') return true
    if (error instanceof DOMException && error.name === 'NotFoundError') return false
    throw error
  }
}

/** What `work` gives, with the browser's errors of files told apart (WHATWG File System). */
async function written<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw failureOf(error)
  }
}

function failureOf(cause: unknown): AppError {
  const name = cause instanceof DOMException ? cause.name : ''
  if (name === 'NotAllowedError' || name === 'NoModificationAllowedError') return new AppError('denied', 'export.refused', 'the folder may not be written', { cause })
  if (name === 'QuotaExceededError') return new AppError('quota', 'export.full', 'no room is left', { cause })
  if (name === 'NotFoundError' || name === 'InvalidStateError' || name === 'AbortError') return new AppError('transient', 'export.lost', 'the folder cannot be written any more', { cause })
  return asAppError(cause, 'transient', 'export.lost')
}
