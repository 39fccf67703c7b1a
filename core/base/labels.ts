/**
 * Every domain-separation label of the project, in one place, so that no two uses can share one.
 * A label is never reused, never changed: a new meaning gets a new label.
 */
export const LABELS = {
  /** HKDF info: master (the device secret while there is no account) → the keys of docs/formats/keys.md. */
  sealKey: 'shoal/1 seal key',
  dedupKey: 'shoal/1 dedup key',
  cutKey: 'shoal/1 cut key',
  tenantSecret: 'shoal/1 tenant secret',
  /** HKDF info: tenant secret, salt host key → Ed25519 seed of the tenant at that host. */
  tenantKey: 'shoal/1 tenant key',
  /** HKDF info: seal key, salt frame hash → AES-256-GCM key of that frame. */
  frameKey: 'shoal/1 frame key',
  /** HKDF info: master → keys of the account; the head's with the device index as salt. */
  accountKey: 'shoal/1 account key',
  driveKey: 'shoal/1 drive key',
  rendezvousKey: 'shoal/1 rendezvous key',
  headRecordKey: 'shoal/1 head record key',
  headReadKey: 'shoal/1 head read key',
  /** Before version and name in the salt of Argon2id (docs/formats/account.md 3). */
  lockerSalt: 'shoal/1 locker salt',
  /** HKDF info: stretched password → key pair of the locker's record, and key of its box. */
  lockerRecordKey: 'shoal/1 locker record key',
  lockerWrappingKey: 'shoal/1 locker wrapping key',
  /** Associated data of a locker's box, behind the locker key. */
  sealedLocker: 'shoal/1 sealed locker',
  /** Associated data of a locker's keys in the list of a device, before the fingerprint of the master. */
  keptLocker: 'shoal/1 kept locker',
  /** HKDF info: link seed → key pair of its record, and key of its share object. */
  linkRecordKey: 'shoal/1 link record key',
  linkReadKey: 'shoal/1 link read key',
  /** Hashed before the 28 random bytes of a link seed; 4 bytes of the hash are its check. */
  linkCheck: 'shoal/1 link check',
  /** Signed texts begin with one of these. */
  receipt: 'shoal/1 receipt',
  tenantProof: 'shoal/1 tenant proof',
  advert: 'shoal/1 host advert',
  /** Hashed with a level and prefix to name a bucket of host adverts in the DHT. */
  hostBucket: 'shoal/1 host bucket',
  /** Keyed hash under the key of what is kept on this device: its name there (docs/formats/copies.md). */
  copyName: 'shoal/1 copy name',
  /** Hashed before a link seed: the name of the file's version among what is kept. */
  copyHolder: 'shoal/1 copy holder',
} as const
