import type { Bytes } from '../base/bytes.ts'
import { byte, bytes, fixed, list, optional, struct, text, uint, versioned, type Codec } from './codec.ts'
import { DEVICE_NAME } from './head.ts'

// The account of a device (docs/formats/list.md, `account`). Times are milliseconds since 1970.

/** Lockers that could not be closed yet: each is a password that was changed while no host took note of it. */
export const CLOSING_LOCKERS = 16

/** UTF-8 of a name as it is typed, whose UTF-16 units are limited (docs/formats/account.md 2). */
const TYPED_BYTES = 3 * 1024
/** As that of other wrapped secrets (list.ts). */
const WRAPPED_BYTES = 128

/** A locker that was given up, and is to be closed. */
export interface ClosingLocker {
  /** Record seed ‖ wrapping key, wrapped by the device. */
  readonly wrapped: Bytes
  /** Of its record, as last known. */
  readonly sequence: number
}

/** The locker of the account, as this device renews it. */
export interface KeptLocker extends ClosingLocker {
  /** Of the way from name and password to its keys. */
  readonly version: number
  /** When its record was last written, as far as this device knows; 0 = unknown. */
  readonly renewed: number
  /** What it says besides the master. */
  readonly created: number
  readonly generation: number
}

export interface AccountRecord {
  /** Fingerprint of the master: without that secret as the device's own, this record says nothing. */
  readonly secret: Bytes
  /** As typed. */
  readonly name: string | undefined
  /** Name of this device. */
  readonly device: string
  readonly locker: KeptLocker | undefined
  readonly closing: readonly ClosingLocker[]
}

const closing = { wrapped: bytes(WRAPPED_BYTES, 1), sequence: uint() }

/** `account` */
export const accountRecord: Codec<AccountRecord> = versioned(
  1,
  struct<AccountRecord>({
    secret: fixed(8),
    name: optional(text(TYPED_BYTES)),
    device: text(DEVICE_NAME),
    locker: optional(struct<KeptLocker>({ ...closing, version: byte(), renewed: uint(), created: uint(), generation: uint() })),
    closing: list(struct<ClosingLocker>(closing), CLOSING_LOCKERS),
  }),
)
