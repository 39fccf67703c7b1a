import { fromHex, type Bytes } from '../../base/bytes.ts'
import { listKey } from '../../formats/list-key.ts'
import type { Journal } from '../journal.ts'

/** Ids of the files but `file` that refer to the sealed chunk or the tree node `name`. */
export async function* otherUsers(journal: Journal, name: Bytes, file: string): AsyncGenerator<string> {
  const own = listKey.use(name, fromHex(file))
  for await (const key of journal.keys(listKey.uses(name))) if (key !== own) yield key.split('/')[2] ?? ''
}

/** Whether there is any such file. */
export async function isUsedByOthers(journal: Journal, name: Bytes, file: string): Promise<boolean> {
  return (await otherUsers(journal, name, file).next()).done !== true
}
