import type { Bytes } from '../../base/bytes.ts'
import { throwIfAborted } from '../../base/errors.ts'
import type { ByteCache } from './cache.ts'
import type { PieceView } from './piece.ts'

interface Flight {
  readonly pack: Promise<Bytes>
  readonly control: AbortController
  readers: number
}

/** Whole packs, for those who read many files: one comes once for all who wait and stays in the cache, so that hundreds of small files cost no request each. */
export class Packs {
  private readonly flights = new Map<string, Flight>()
  private readonly cache: ByteCache
  private readonly fetch: (view: PieceView, signal: AbortSignal) => Promise<Bytes>

  /** `fetch` gets all sealed bytes of a chunk. Errors as `Fetcher.piece`. */
  constructor(cache: ByteCache, fetch: (view: PieceView, signal: AbortSignal) => Promise<Bytes>) {
    this.cache = cache
    this.fetch = fetch
  }

  /** The sealed bytes of the pack that `view` lies in, not to be changed; `undefined` when it is not here and not to be fetched, or cannot be. Throws `aborted`. */
  async get(view: PieceView, fetch: boolean, signal: AbortSignal): Promise<Bytes | undefined> {
    const { sealed } = view
    if (sealed === undefined) return undefined
    return this.cache.get(nameOf(sealed)) ?? (fetch ? await this.join(sealed, view, signal) : undefined)
  }

  private async join(sealed: string, view: PieceView, signal: AbortSignal): Promise<Bytes | undefined> {
    const flight = this.flights.get(sealed) ?? this.launch(sealed, view)
    flight.readers++
    const leave = Promise.withResolvers<undefined>()
    const stop = (): void => { leave.resolve(undefined) }
    signal.addEventListener('abort', stop, { once: true })
    try {
      // A pack that cannot be had whole may still have the rows of this frame.
      const pack = await Promise.race([flight.pack.catch(() => undefined), leave.promise])
      throwIfAborted(signal)
      return pack
    } finally {
      signal.removeEventListener('abort', stop)
      if (--flight.readers === 0) flight.control.abort()
    }
  }

  private launch(sealed: string, view: PieceView): Flight {
    const control = new AbortController()
    const flight: Flight = { pack: this.run(sealed, view, control.signal), control, readers: 0 }
    this.flights.set(sealed, flight)
    return flight
  }

  private async run(sealed: string, view: PieceView, signal: AbortSignal): Promise<Bytes> {
    try {
      const pack = await this.fetch(view, signal)
      this.cache.put(nameOf(sealed), pack)
      return pack
    } finally {
      this.flights.delete(sealed)
    }
  }
}

function nameOf(sealed: string): string {
  return `pack ${sealed}`
}
