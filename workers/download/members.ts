import type { DriveFiles } from '../../core/flows/drive/files.ts'
import type { FileReader } from '../../core/flows/index.ts'
import { TOP } from '../../core/formats/drive.ts'
import { isAppError } from '../../core/base/errors.ts'

/** What a ZIP of several entries is called. */
const SEVERAL = 'shoal-files'

/** A file to go into a ZIP, under its path below the entry that was asked for. */
export interface FileMember {
  readonly path: string
  readonly reader: FileReader
}

/** The files of entries, folders with all that is in them, in the order of lists; none of `ids` means the whole drive. Files that are not stored yet are left out. */
export function membersOf(files: DriveFiles, ids: readonly string[]): { readonly name: string; readonly members: readonly FileMember[] } {
  const { view } = files
  const members: FileMember[] = []
  const visit = (id: string, above: string): void => {
    const { kind, name } = view.entry(id)
    if (kind === 'folder') for (const child of view.children(id)) visit(child.id, `${above}${name}/`)
    else {
      const reader = readable(files, id)
      if (reader !== undefined) members.push({ path: above + name, reader })
    }
  }
  const roots = ids.length === 0 ? view.children(TOP).map(({ id }) => id) : ids
  for (const id of roots) visit(id, '')
  const [only] = ids
  const name = ids.length === 1 && only !== undefined && only !== TOP ? view.entry(only).name : SEVERAL
  return { name: `${name}.zip`, members }
}

function readable(files: DriveFiles, id: string): FileReader | undefined {
  try {
    return files.reader(id)
  } catch (error) {
    if (isAppError(error, 'transient')) return undefined
    throw error
  }
}
