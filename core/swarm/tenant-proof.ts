import { concat, fromHex, utf8, type Bytes } from '../base/bytes.ts'
import { LABELS } from '../base/labels.ts'
import type { PeerKey } from '../ports/network.ts'

/** What a tenant signs to prove itself to one host on one stream (shard.md 2): nobody else can use it, and nobody twice. */
export function tenantProof(host: PeerKey, client: PeerKey, nonce: Uint8Array): Bytes {
  return concat([utf8(LABELS.tenantProof), fromHex(host), fromHex(client), nonce])
}
