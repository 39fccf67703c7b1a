import { struct, uint, versioned, type Codec } from './codec.ts'

// Rows of the index of copies on this device (docs/formats/copies.md 2).

/** `copy/<name>` */
export interface CopyRecord {
  /** Bytes. */
  readonly size: number
  /** The lower, the longer ago it was used. */
  readonly used: number
  /** How many holders it has. */
  readonly holds: number
}

export const copyRecord: Codec<CopyRecord> = versioned(1, struct<CopyRecord>({ size: uint(), used: uint(), holds: uint() }))

/** `kept/<holder>`: bytes of the file. */
export const keptRecord: Codec<number> = versioned(1, uint())

/** Hex digits of a safe integer. */
const USED_DIGITS = 14

/** Keys of the index; names and holders are hex. */
export const copyKey = {
  copy: (name: string): string => `copy/${name}`,
  age: (used: number, name: string): string => `age/${used.toString(16).padStart(USED_DIGITS, '0')}/${name}`,
  hold: (holder: string, name: string): string => `hold/${holder}/${name}`,
  holds: (holder: string): string => `hold/${holder}/`,
  kept: (holder: string): string => `kept/${holder}`,
  pin: (entry: string): string => `pin/${entry}`,
} as const

/** The last part of a key. */
export function lastPart(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1)
}
