import { utf8 } from '../base/bytes.ts'
import { Drive } from '../drive/drive.ts'
import type { Editor, NewContent } from '../drive/editor.ts'
import type { Entry } from '../drive/view.ts'
import { TOP } from '../formats/drive.ts'
import { SeededRandom } from './seeded-random.ts'

/** A device with a drive, a clock of its own, and contents that are texts. */
export class FakeDevice {
  readonly clock: { at: number }
  readonly drive: Drive
  private readonly seed: number

  constructor(seed: number, parts: readonly Uint8Array[] = [], at = 1_700_000_000_000) {
    this.seed = seed
    this.clock = { at }
    this.drive = Drive.open(parts, { random: new SeededRandom(seed * 7919), now: () => this.clock.at++, device: seed % 100 })
  }

  get edit(): Editor {
    return this.drive.edit
  }

  another(seed: number): FakeDevice {
    return new FakeDevice(seed, [this.drive.snapshot()], this.clock.at)
  }

  /** This device after a restart. */
  again(): FakeDevice {
    return new FakeDevice(this.seed + 1000, [this.drive.snapshot()], this.clock.at)
  }

  file(folder: string, name: string, content: string): string {
    return this.edit.addFile(folder, name, text(content))
  }

  /** Id of what stands at a path. */
  id(path: string): string {
    let at = TOP
    for (const name of path.split('/')) at = this.drive.view.children(at).find((entry) => entry.name === name)?.id ?? 'nothing'
    return at
  }

  contents(file: string): string[] {
    return this.drive.view.versions(file).map(({ id }) => String.fromCharCode(...this.drive.view.content(file, id)))
  }

  /** All that a person could reach, as lines in order: paths, files with the contents of their versions. */
  shown(): string[] {
    const lines: string[] = []
    const visit = (entry: Entry, above: string): void => {
      const path = above + entry.name
      lines.push(entry.kind === 'file' ? `${path} = ${this.contents(entry.id).join('|')}` : path)
      if (entry.kind === 'folder') for (const child of this.drive.view.children(entry.id)) visit(child, `${path}/`)
    }
    for (const entry of this.drive.view.children(TOP)) visit(entry, '')
    for (const entry of this.drive.view.trash()) visit(entry, 'trash ')
    return lines.sort()
  }
}

export function text(content: string): NewContent {
  return { size: content.length, type: 'text/plain', modified: 1, content: utf8(content) }
}

/** Both devices get what the other has. */
export function sync(a: FakeDevice, b: FakeDevice): void {
  const [forA, forB] = [b.drive.updateSince(a.drive.stateVector()), a.drive.updateSince(b.drive.stateVector())]
  a.drive.apply(forA)
  b.drive.apply(forB)
}
