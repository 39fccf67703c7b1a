import { bool, decode, encode, list, struct, text, uint, versioned } from '../core/formats/codec.ts'
import type { Random } from '../core/ports/clock.ts'
import type { MetaStore } from '../core/ports/meta-store.ts'

// What belongs to this browser alone (docs/formats/vault-disk.md 2).

const SEED = 'peer-seed'
const RELAYS = 'relays'
const MAX_RELAYS = 16
const relayList = versioned(1, list(text(256), MAX_RELAYS))

/** The seed of this browser's libp2p identity, 32 bytes; made at the first call. Errors as `MetaStore`. */
export async function peerSeed(device: MetaStore, random: Random): Promise<Uint8Array> {
  const known = await device.get(SEED)
  if (known?.length === 32) return known
  const seed = random.bytes(32)
  await device.batch([{ put: SEED, value: seed }], { strict: true })
  return seed
}

/** The relays that the person set, or `undefined` when these are those of the build. Errors as `MetaStore`; `invalid` `format.*`. */
export async function savedRelays(device: MetaStore): Promise<readonly string[] | undefined> {
  const value = await device.get(RELAYS)
  return value === undefined ? undefined : decode(relayList, value)
}

/** Keeps the relays that the person set; none of them means those of the build. */
export async function saveRelays(device: MetaStore, urls: readonly string[]): Promise<void> {
  await device.batch([urls.length === 0 ? { del: RELAYS } : { put: RELAYS, value: encode(relayList, [...urls]) }], { strict: true })
}

/** Whether this browser hosts for others, and with how many bytes. */
export interface HostingChoice {
  readonly on: boolean
  readonly space: number
}

const HOSTING = 'hosting'
const hostingChoice = versioned(1, struct<HostingChoice>({ on: bool, space: uint() }))

/** What the person chose; off, with 1 GiB to begin with. Errors as `MetaStore`; `invalid` `format.*`. */
export async function savedHosting(device: MetaStore): Promise<HostingChoice> {
  const value = await device.get(HOSTING)
  if (value === undefined) return { on: false, space: 2 ** 30 }
  return decode(hostingChoice, value)
}

/** Keeps what the person chose. */
export async function saveHosting(device: MetaStore, choice: HostingChoice): Promise<void> {
  await device.batch([{ put: HOSTING, value: encode(hostingChoice, choice) }], { strict: true })
}

const COPIES = 'copies'
const copiesRoom = versioned(1, uint())

/** Bytes that copies of opened files may take; 1 GiB to begin with. Errors as `MetaStore`; `invalid` `format.*`. */
export async function savedCopiesRoom(device: MetaStore): Promise<number> {
  const value = await device.get(COPIES)
  return value === undefined ? 2 ** 30 : decode(copiesRoom, value)
}

export async function saveCopiesRoom(device: MetaStore, bytes: number): Promise<void> {
  await device.batch([{ put: COPIES, value: encode(copiesRoom, bytes) }], { strict: true })
}

const TRIED = 'tried'

/** Whether the person said here that they go on without an account. */
export async function savedTried(device: MetaStore): Promise<boolean> {
  return (await device.get(TRIED)) !== undefined
}

export async function saveTried(device: MetaStore, tried: boolean): Promise<void> {
  await device.batch([tried ? { put: TRIED, value: new Uint8Array() } : { del: TRIED }], { strict: true })
}

const BROWSERS: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/Edg\//, 'Edge'],
  [/Firefox\//, 'Firefox'],
  [/OPR\//, 'Opera'],
  [/Chrome\//, 'Chrome'],
  [/Safari\//, 'Safari'],
]
const SYSTEMS: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/Android/, 'Android'],
  [/iPhone|iPad/, 'iOS'],
  [/CrOS/, 'ChromeOS'],
  [/Windows/, 'Windows'],
  [/Mac OS X/, 'Mac'],
  [/Linux/, 'Linux'],
]

/** What a browser is called, from what it says of itself. */
export function deviceName(userAgent: string): string {
  const find = (names: typeof BROWSERS): string | undefined => names.find(([pattern]) => pattern.test(userAgent))?.[1]
  const system = find(SYSTEMS)
  return `${find(BROWSERS) ?? 'Browser'}${system === undefined ? '' : ` on ${system}`}`
}
