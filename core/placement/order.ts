import type { PeerKey } from '../ports/network.ts'

/** One way to get one row of a chunk. */
export interface RowSource {
  readonly row: number
  readonly host: PeerKey
}

/** What is known of a host when rows are asked for. */
export interface HostView {
  /** And answering as far as is known. */
  readonly connected: boolean
  /** Bytes per second measured lately; `undefined` before the first transfer. */
  readonly speed: number | undefined
  /** See `trust`. */
  readonly trust: number
}

/** A host of which nothing was measured is taken for a middling one, so that it gets its chance without delaying a reader much. */
const UNKNOWN_SPEED = 4 * 1024 * 1024

/**
 * The order in which to ask for rows: connected hosts before others, then the fastest (speed × conduct², compared by powers of two), then
 * data rows before parity, since k data rows need no decoding.
 */
export function fetchOrder(sources: readonly RowSource[], k: number, look: (host: PeerKey) => HostView): RowSource[] {
  const keyed = sources.map((source) => {
    const view = look(source.host)
    const pace = (view.speed ?? UNKNOWN_SPEED) * view.trust * view.trust
    return { source, connected: view.connected ? 0 : 1, pace: -Math.round(Math.log2(Math.max(pace, 1))), parity: source.row < k ? 0 : 1 }
  })
  keyed.sort((a, b) => a.connected - b.connected || a.pace - b.pace || a.parity - b.parity || a.source.row - b.source.row)
  return keyed.map(({ source }) => source)
}
