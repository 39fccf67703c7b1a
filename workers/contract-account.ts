import type { PlainError } from '../core/base/errors.ts'

// What a page may ask about the account. Types only.

/** What a snapshot says of the account. */
export type AccountState =
  /** No account: all is kept on this device. `tried`: the person chose so, or has files already, so that nobody need be welcomed. */
  | { readonly kind: 'none'; readonly tried: boolean }
  | {
      readonly kind: 'account'
      /** As typed; absent when only the phrase is known here. */
      readonly name?: string
      /** Name of this device. */
      readonly device: string
      /** Whether hosts have all that is in the drive of this device; else how it stands. */
      readonly synced: boolean
      /** The devices of the account were looked for at least once since the start. */
      readonly looked: boolean
      /** Hosts keep the drive until then (ms since 1970), if no device of the account is online before. */
      readonly keptUntil?: number
      /** Things of this device that hosts do not have all of yet: files being stored, changes of the drive. Signing out would lose them. */
      readonly unsafe: number
      /** Another device asked this one to sign out: it does so as soon as nothing is unsafe. */
      readonly asked: boolean
      readonly problem?: PlainError
    }

export interface DeviceRow {
  readonly index: number
  readonly name: string
  /** When it last told hosts something, ms since 1970. */
  readonly seen: number
  /** The one this page runs on. */
  readonly own: boolean
  /** What `signOutDevice` takes; absent while too little is known of the device. */
  readonly id?: string
  /** It was asked to sign out, and has not told that it did. */
  readonly asked: boolean
}

/** How hard a password is to guess, in words. */
export interface Strength {
  /** 0 to 4. */
  readonly score: number
  readonly accepted: boolean
  /** Why it is weak; absent when there is nothing to say. */
  readonly reason?: string
  readonly advice: readonly string[]
}

export type SignIn = { readonly name: string; readonly password: string } | { readonly phrase: string }

export interface AccountContract {
  /** The person goes on without an account. */
  tryWithout(): Promise<void>
  strength(password: string, name: string): Promise<Strength>
  /**
   * Makes an account of what is on this device; resolves to the 24 words. `invalid` `name.*`, `password.*` (`password.weak`); `denied` `account.taken`; `transient`
   * `record.unreachable`, `hosts.none`.
   */
  createAccount(name: string, password: string): Promise<readonly string[]>
  /** The positions (1 to 24) of the three words that a person is asked for. */
  confirmPositions(): Promise<readonly number[]>
  /**
   * Opens an account on this device; what is here already is kept, and comes with it. `absent` `account.unknown`, `account.closed`; `transient` `record.unreachable`;
   * `invalid` `name.*`, `password.*`, `phrase.*`; `denied` `account.signed-in` when there is one.
   */
  signIn(given: SignIn): Promise<void>
  /** The 24 words of the account. */
  phrase(): Promise<readonly string[]>
  /** The recovery kit, a text. */
  kit(): Promise<string>
  /**
   * `name` only where it is not known here (`AccountState`). `absent` `account.unknown` for a wrong current password; `invalid` `password.weak`; `denied` `account.taken` for a
   * password that was used before; else as `createAccount`. Resolves once the new password works; the old one is refused then, or as soon as a host can be told.
   */
  changePassword(current: string, next: string, name?: string): Promise<void>
  devices(): Promise<readonly DeviceRow[]>
  /** Asks another device of the account to sign out; it does so when it is online and hosts have all that it has. */
  signOutDevice(id: string): Promise<void>
  /** Somebody looks at the page: what other devices did is looked for at once. */
  refresh(): Promise<void>
  /** Tells the other devices, if hosts can be reached soon; then removes all that this browser has of the account and its files, and begins anew without an account. */
  signOut(): Promise<void>
}
