import { fitName } from '../../formats/file-name.ts'

/** `name` made fit for a file name, or the first of `name (2)`, `name (3)` … that is not taken. */
export function freeName(name: string, taken: (name: string) => boolean): string {
  let fitted = fitName(name)
  for (let count = 2; taken(fitted); count++) fitted = fitName(name, ` (${String(count)})`)
  return fitted
}
