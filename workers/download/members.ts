import type { DriveFiles } from '../../core/flows/drive/files.ts'
import type { FileReader } from '../../core/flows/index.ts'
import { isAppError } from '../../core/base/errors.ts'
import { alikeKey, freeName } from '../../core/drive/names.ts'
import { TOP } from '../../core/formats/drive.ts'

/** What a ZIP of several entries is called. */
const SEVERAL = 'shoal-files'

/** A file to go into a ZIP, under its path below the entry that was asked for. */
export interface FileMember {
  readonly path: string
  readonly reader: FileReader
}

/**
 * The files of entries, folders with all that is in them, in the order of lists; none of `ids` means the whole drive. `left`: files that are left out, since they are
 * not stored yet. Entries of different folders that are called alike get numbers.
 */
export function membersOf(files: DriveFiles, ids: readonly string[]): { readonly name: string; readonly members: readonly FileMember[]; readonly left: number } {
  const { view } = files
  const members: FileMember[] = []
  const tops = new Set<string>()
  const met = new Set<string>()
  let left = 0
  const visit = (id: string, path: string): void => {
    // One that was chosen together with a folder above it.
    if (met.has(id)) return
    met.add(id)
    if (view.entry(id).kind === 'folder') for (const child of view.children(id)) visit(child.id, `${path}/${child.name}`)
    else {
      const reader = readable(files, id)
      if (reader === undefined) left++
      else members.push({ path, reader })
    }
  }
  const top = (id: string): void => {
    const { name } = view.entry(id)
    const free = tops.has(alikeKey(name)) ? freeName(name, (key) => tops.has(key)).name : name
    tops.add(alikeKey(free))
    visit(id, free)
  }
  const roots = ids.length === 0 ? view.children(TOP).map(({ id }) => id) : ids
  for (const id of [...roots].sort((a, b) => view.path(a).length - view.path(b).length)) top(id)
  const [only] = ids
  const name = ids.length === 1 && only !== undefined && only !== TOP ? view.entry(only).name : SEVERAL
  return { name: `${name}.zip`, members, left }
}

function readable(files: DriveFiles, id: string): FileReader | undefined {
  try {
    return files.reader(id)
  } catch (error) {
    if (isAppError(error, 'transient')) return undefined
    throw error
  }
}
