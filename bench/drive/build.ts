import { Drive } from '../../core/drive/drive.ts'
import { SeededRandom } from '../../core/testkit/seeded-random.ts'

const WORDS = 'holiday invoice report Müller draft summer 2024 contract photo scan letter tax budget plan house car school music final copy notes'.split(' ')
const TYPES = [['.jpg', 'image/jpeg'], ['.pdf', 'application/pdf'], ['.docx', 'application/octet-stream'], ['.txt', 'text/plain']] as const

/** Bytes of a link seed. */
const LINK = 32

let now = 1_700_000_000_000
/** What a session of the drive takes. */
export function options(seed: number): { random: SeededRandom; now: () => number; device: number } {
  return { random: new SeededRandom(seed), now: () => now++, device: 1 }
}

/** A snapshot of a drive with `entries` entries, `perFolder` to a folder, named as people name them. */
export function build(entries: number, perFolder = 20): Uint8Array {
  const random = new SeededRandom(entries)
  const drive = Drive.open([], options(entries + perFolder))
  const folders = ['']
  for (let made = 0; made < entries; ) {
    const folder = drive.edit.createFolder(random.pick(folders), nameOf(random), { clash: 'keep both' })
    folders.push(folder)
    made++
    for (let i = 1; i < perFolder && made < entries; i++, made++) {
      const [extension, type] = random.pick(TYPES)
      const content = { size: random.integer(1000, 10_000_000), type, modified: now - random.integer(0, 1e9), content: random.bytes(LINK) }
      drive.edit.addFile(folder, nameOf(random) + extension, content, { clash: 'keep both' })
    }
  }
  return drive.snapshot()
}

function nameOf(random: SeededRandom): string {
  return `${random.pick(WORDS)} ${random.pick(WORDS)} ${String(random.integer(1, 9999))}`
}
