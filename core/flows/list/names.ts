import { fitPath } from '../../formats/file-name.ts'

/** Copies of one name that are looked for when a file is handed over again. */
const COPIES = 100

/** Whether `name` is what `freeName` made, or might have made, of `path`. */
export function isNameOf(name: string, path: string): boolean {
  for (let count = 1; count <= COPIES; count++) if (fitPath(path, count === 1 ? '' : ` (${String(count)})`) === name) return true
  return false
}

/** `path` made fit, or the first of `path (2)`, `path (3)` … that is not taken. */
export function freeName(path: string, taken: (name: string) => boolean): string {
  let fitted = fitPath(path)
  for (let count = 2; taken(fitted); count++) fitted = fitPath(path, ` (${String(count)})`)
  return fitted
}
