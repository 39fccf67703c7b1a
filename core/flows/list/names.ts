import { fitName } from '../../formats/file-name.ts'

/** Copies of one name that are looked for when a file is handed over again. */
const COPIES = 100

/** Whether `name` is what `freeName` made, or might have made, of `path`. */
export function isNameOf(name: string, path: string): boolean {
  for (let count = 1; count <= COPIES; count++) if (fitName(path, count === 1 ? '' : ` (${String(count)})`) === name) return true
  return false
}

/** `name` made fit for a file name, or the first of `name (2)`, `name (3)` … that is not taken. */
export function freeName(name: string, taken: (name: string) => boolean): string {
  let fitted = fitName(name)
  for (let count = 2; taken(fitted); count++) fitted = fitName(name, ` (${String(count)})`)
  return fitted
}
