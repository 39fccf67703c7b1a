import { parseVersionKey, versionKey } from '../formats/drive.ts'
import { keepDaysOf, type DriveMaps } from './document.ts'
import { newestFirst } from './node.ts'
import { readVersion, type Tree } from './tree.ts'

const DAY = 86_400_000

/** Values that a merged update removed: key → value, of `n` and of `v`. */
export class Losses {
  readonly names = new Map<string, unknown>()
  readonly versions = new Map<string, unknown>()

  get any(): boolean {
    return this.names.size + this.versions.size > 0
  }
}

/**
 * Writes again what a purge took from entries that are not in the trash by the merged maps (docs/formats/drive.md 6).
 * To be called in a transaction, with a tree that is up to date.
 */
export function rescue(maps: DriveMaps, tree: Tree, losses: Losses, now: number): void {
  const live = (id: string): boolean => {
    const node = tree.nodes.get(id)
    return node === undefined || tree.markOf(node) === undefined
  }
  // One day of slack: the clock of the device that purged may run ahead of ours.
  const before = now - (keepDaysOf(maps) - 1) * DAY
  const saved = new Set<string>()
  for (const [file, versions] of byFile(losses.versions)) {
    if (!live(file)) continue
    for (const id of stillKept(tree, file, versions, before)) {
      maps.versions.set(versionKey(file, id), versions.get(id))
      saved.add(file)
    }
  }
  for (const [id, name] of losses.names) {
    if (saved.has(id) || live(id) || tree.get(id) !== undefined) maps.name.set(id, name)
  }
}

/** Ids of those of `lost` that are the current version of `file`, or were replaced since `before`. */
function stillKept(tree: Tree, file: string, lost: ReadonlyMap<string, unknown>, before: number): string[] {
  const read = [...lost].flatMap(([id, value]) => readVersion(id, value) ?? [])
  const all = [...read, ...(tree.nodes.get(file)?.versions ?? [])].sort(newestFirst)
  return all.flatMap(({ id }, at) => {
    const newer = all[at - 1]
    return lost.has(id) && (newer === undefined || newer.added >= before) ? [id] : []
  })
}

function byFile(lost: ReadonlyMap<string, unknown>): Map<string, Map<string, unknown>> {
  const files = new Map<string, Map<string, unknown>>()
  for (const [key, value] of lost) {
    const parsed = parseVersionKey(key)
    if (parsed === undefined) continue
    const versions = files.get(parsed.file) ?? new Map<string, unknown>()
    files.set(parsed.file, versions.set(parsed.version, value))
  }
  return files
}
