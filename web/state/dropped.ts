import type { FileToAdd } from '../../workers/contract.ts'

/** The most files taken from one drop or pick: beyond this a list in one table is of no use to anybody. */
export const MAX_FILES = 10_000

/** Folders nested deeper than this are not walked: a loop of links would never end. */
const MAX_DEPTH = 64

/** The files of an `<input type=file>`, with folder paths where a folder was picked. */
export function fromInput(files: Iterable<File>): FileToAdd[] {
  return [...files].slice(0, MAX_FILES).map((file) => ({ file, path: file.webkitRelativePath || file.name }))
}

/** Starts reading a drop. Call it in the event handler itself: the browser empties the drop when the handler returns. */
export function fromDrop(transfer: DataTransfer): Promise<FileToAdd[]> {
  const items = [...transfer.items].filter((item) => item.kind === 'file')
  const started = items.map((item) => startItem(item))
  return gather(started)
}

async function gather(started: readonly Promise<FileToAdd[]>[]): Promise<FileToAdd[]> {
  const lists = await Promise.all(started)
  return lists.flat().slice(0, MAX_FILES)
}

function startItem(item: DataTransferItem): Promise<FileToAdd[]> {
  const file = item.getAsFile()
  const entry = item.webkitGetAsEntry()
  const handle = (item as HandleItem).getAsFileSystemHandle?.()
  return readItem(file, entry, handle)
}

/** Chromium's way to hand a dropped file over again after a restart; others do not have it. */
interface HandleItem {
  readonly getAsFileSystemHandle?: () => Promise<FileSystemHandle | null>
}

async function readItem(
  file: File | null,
  entry: FileSystemEntry | null,
  handle: Promise<FileSystemHandle | null> | undefined,
): Promise<FileToAdd[]> {
  if (entry?.isDirectory === true) return walk(entry, '', 0)
  if (file === null) return []
  const held = await handle?.catch(() => null)
  return [{ file, path: file.name, ...(held instanceof FileSystemFileHandle ? { handle: held } : {}) }]
}

async function walk(entry: FileSystemEntry, prefix: string, depth: number): Promise<FileToAdd[]> {
  const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => {
      ;(entry as FileSystemFileEntry).file(resolve, reject)
    })
    return [{ file, path }]
  }
  if (depth >= MAX_DEPTH) return []
  const found: FileToAdd[] = []
  for (const child of await children(entry as FileSystemDirectoryEntry)) {
    found.push(...(await walk(child, path, depth + 1)))
    if (found.length >= MAX_FILES) break
  }
  return found
}

/** All entries of a folder: `readEntries` hands out at most 100 at a time, and an empty list at the end. */
async function children(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader()
  const all: FileSystemEntry[] = []
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => {
      reader.readEntries(resolve, reject)
    })
    if (some.length === 0) return all
    all.push(...some)
  }
}
