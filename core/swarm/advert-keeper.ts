import { fromHex, type Bytes } from '../base/bytes.ts'
import { ADVERT_ADDRESSES, freeClass, signAdvert } from '../formats/advert.ts'
import { ADDRESS_BYTES } from '../formats/share.ts'
import type { Clock } from '../ports/clock.ts'
import type { Identity } from '../ports/network.ts'
import type { Vault } from './vault.ts'

/** How long an advert is good for, and how old it may get before it is made anew, in seconds: clients must not be shown one that is about to end. */
const ADVERT_SECONDS = 24 * 60 * 60
const ADVERT_AGE = 60 * 60

export interface AdvertOptions {
  readonly vault: Pick<Vault, 'usage'>
  readonly identity: Identity
  readonly clock: Clock
  /** Multiaddrs of now, best first; those that are too long for an advert are left out. */
  readonly addresses: () => readonly string[]
  /** Tenths of the last 30 days that this host was online. */
  readonly uptimeClass: () => number
}

/** Makes this host's signed advert, and makes it again only when what it says has changed or it is an hour old. */
export function advertKeeper(options: AdvertOptions): () => Promise<Bytes> {
  let last: { readonly says: string; readonly issued: number; readonly advert: Bytes } | undefined
  return async () => {
    const issued = Math.floor(options.clock.now() / 1000)
    const addresses = options.addresses().filter((address) => address.length <= ADDRESS_BYTES)
    const content = {
      freeClass: freeClass((await options.vault.usage()).free),
      uptimeClass: options.uptimeClass(),
      addresses: addresses.slice(0, ADVERT_ADDRESSES),
    }
    const says = JSON.stringify(content)
    if (last?.says === says && Math.abs(issued - last.issued) < ADVERT_AGE) return last.advert
    const advert = await signAdvert(
      { host: fromHex(options.identity.key), issued, expires: issued + ADVERT_SECONDS, ...content },
      (message) => options.identity.sign(message),
    )
    last = { says, issued, advert }
    return advert
  }
}
