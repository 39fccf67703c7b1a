import { AppError } from '../base/errors.ts'
import { concat, fromUtf8, utf8, type Bytes } from '../base/bytes.ts'

/**
 * Strict binary codecs (docs/formats/codec.md). Each value has exactly one encoding; every length has a limit.
 * Every decoder throws `invalid` with code `format.*` and never reads past its input.
 */
export interface Codec<T> {
  write(to: Writer, value: T): void
  read(from: Reader): T
}

/** The type that a codec carries. */
export type Decoded<C> = C extends Codec<infer T> ? T : never

/** Fields from this size on are not copied until `finish`: shards go through here. */
const LARGE = 4096

/**
 * Collects bytes in one buffer that doubles: a large list has millions of fields, and an array for each would weigh many times as much.
 * What is pushed must not change before `finish`.
 */
export class Writer {
  private readonly parts: Uint8Array[] = []
  private buffer = new Uint8Array(128)
  private length = 0

  push(bytes: Uint8Array): void {
    if (bytes.length >= LARGE) {
      this.parts.push(this.buffer.slice(0, this.length), bytes)
      this.length = 0
      return
    }
    const length = this.length + bytes.length
    if (length > this.buffer.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.buffer.length))
      larger.set(this.buffer.subarray(0, this.length))
      this.buffer = larger
    }
    this.buffer.set(bytes, this.length)
    this.length = length
  }

  finish(): Bytes {
    const rest = this.buffer.subarray(0, this.length)
    return this.parts.length === 0 ? rest.slice() : concat([...this.parts, rest])
  }
}

/** A cursor over `bytes`. */
export class Reader {
  private at = 0
  private readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  /** The next `length` bytes, as a view. */
  take(length: number): Uint8Array {
    if (length > this.bytes.length - this.at) throw malformed('format.short', 'input ends too early')
    this.at += length
    return this.bytes.subarray(this.at - length, this.at)
  }

  get left(): number {
    return this.bytes.length - this.at
  }
}

export function malformed(code: string, message: string): AppError {
  return new AppError('invalid', code, message)
}

/** Encodes one value. */
export function encode<T>(codec: Codec<T>, value: T): Bytes {
  const writer = new Writer()
  codec.write(writer, value)
  return writer.finish()
}

/** Decodes one value that fills `bytes` exactly. Throws `invalid` `format.*`. */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const reader = new Reader(bytes)
  const value = codec.read(reader)
  if (reader.left > 0) throw malformed('format.trailing', `${String(reader.left)} bytes after the end`)
  return value
}

/** One byte, at most `max`. */
export function byte(max = 255): Codec<number> {
  return {
    write(to, value) {
      check(Number.isInteger(value) && value >= 0 && value <= max)
      to.push(Uint8Array.of(value))
    },
    read(from) {
      const value = from.take(1)[0] ?? 0
      if (value > max) throw malformed('format.range', `${String(value)} is over ${String(max)}`)
      return value
    },
  }
}

/** Unsigned LEB128 in its shortest form, at most `max` (itself at most 2^53 - 1). */
export function uint(max: number = Number.MAX_SAFE_INTEGER): Codec<number> {
  return {
    write(to, value) {
      check(Number.isSafeInteger(value) && value >= 0 && value <= max)
      const out: number[] = []
      let rest = value
      for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest % 128) | 128)
      out.push(rest)
      to.push(Uint8Array.from(out))
    },
    read(from) {
      let value = 0
      for (let scale = 1, count = 1; ; scale *= 128, count++) {
        const next = from.take(1)[0] ?? 0
        value += (next & 127) * scale
        if (value > max) throw malformed('format.range', `a number is over ${String(max)}`)
        if (next >= 128 && count < 8) continue
        if (next >= 128 || (next === 0 && count > 1)) throw malformed('format.varint', 'a number is not in its shortest form')
        return value
      }
    },
  }
}

/** Exactly `length` bytes; decoded as a copy. */
export function fixed(length: number): Codec<Bytes> {
  return {
    write(to, value) {
      check(value.length === length)
      to.push(value)
    },
    read: (from) => new Uint8Array(from.take(length)),
  }
}

/** A length and that many bytes, between `min` and `max`. */
export function bytes(max: number, min = 0): Codec<Bytes> {
  const length = uint(max)
  return {
    write(to, value) {
      check(value.length >= min)
      length.write(to, value.length)
      to.push(value)
    },
    read(from) {
      const count = length.read(from)
      if (count < min) throw malformed('format.range', `fewer than ${String(min)} bytes`)
      return new Uint8Array(from.take(count))
    },
  }
}

/** Well-formed UTF-8 of at most `max` bytes. */
export function text(max: number): Codec<string> {
  const raw = bytes(max)
  return {
    write(to, value) {
      check(value.isWellFormed())
      raw.write(to, utf8(value))
    },
    read: (from) => fromUtf8(raw.read(from)),
  }
}

/** 0 or 1. */
export const bool: Codec<boolean> = {
  write(to, value) {
    to.push(Uint8Array.of(value ? 1 : 0))
  },
  read: (from) => byte(1).read(from) === 1,
}

/** A count and that many items, between `min` and `max`. */
export function list<T>(item: Codec<T>, max: number, min = 0): Codec<T[]> {
  const count = uint(max)
  return {
    write(to, values) {
      check(values.length >= min)
      count.write(to, values.length)
      for (const value of values) item.write(to, value)
    },
    read(from) {
      const length = count.read(from)
      if (length < min) throw malformed('format.range', `fewer than ${String(min)} items`)
      const values: T[] = []
      for (let i = 0; i < length; i++) values.push(item.read(from))
      return values
    },
  }
}

/** 0, or 1 and the value. */
export function optional<T>(item: Codec<T>): Codec<T | undefined> {
  return {
    write(to, value) {
      bool.write(to, value !== undefined)
      if (value !== undefined) item.write(to, value)
    },
    read: (from) => (bool.read(from) ? item.read(from) : undefined),
  }
}

/** The fields in the order given, with nothing between them. */
export function struct<T extends object>(fields: { readonly [K in keyof T]: Codec<T[K]> }): Codec<T> {
  const entries = Object.entries(fields) as [keyof T, Codec<T[keyof T]>][]
  return {
    write(to, value) {
      for (const [name, codec] of entries) codec.write(to, value[name])
    },
    read(from) {
      const value: Partial<T> = {}
      for (const [name, codec] of entries) value[name] = codec.read(from)
      return value as T
    },
  }
}

/**
 * `codec`, for the values that `rule` finds nothing wrong with. `rule` returns what is wrong; it runs on a decoded value
 * (then `invalid` with `code`) and on one to be encoded (then `bug`).
 */
export function refined<T>(codec: Codec<T>, rule: (value: T) => string | undefined, code = 'format.range'): Codec<T> {
  return {
    write(to, value) {
      check(rule(value) === undefined)
      codec.write(to, value)
    },
    read(from) {
      const value = codec.read(from)
      const wrong = rule(value)
      if (wrong !== undefined) throw malformed(code, wrong)
      return value
    },
  }
}

/** A `byte` that stands for one of `names`: its place in the list. */
export function oneOf<const N extends string>(names: readonly N[]): Codec<N> {
  const place = byte(names.length - 1)
  return {
    write(to, value) {
      place.write(to, names.indexOf(value))
    },
    read(from) {
      const name = names[place.read(from)]
      if (name === undefined) throw malformed('format.range', 'no such choice')
      return name
    },
  }
}

/** `codec` inside `bytes(1, max)`: a length first, so that a reader knows its limit before it looks inside. */
export function embedded<T>(codec: Codec<T>, max: number): Codec<T> {
  const raw = bytes(max, 1)
  return {
    write(to, value) {
      raw.write(to, encode(codec, value))
    },
    read: (from) => decode(codec, raw.read(from)),
  }
}

/** A first byte that must be `version`: an unknown version is refused with `format.version`, never guessed at. */
export function versioned<T>(version: number, codec: Codec<T>): Codec<T> {
  return {
    write(to, value) {
      to.push(Uint8Array.of(version))
      codec.write(to, value)
    },
    read(from) {
      const found = from.take(1)[0]
      if (found !== version) throw malformed('format.version', `version ${String(found)} is not known here`)
      return codec.read(from)
    },
  }
}

/** A value with the version of its layout: `codecs[0]` is version 1. For what is still read, and kept, in an older layout. */
export function versions<T>(codecs: readonly Codec<T>[]): Codec<{ readonly version: number; readonly value: T }> {
  return {
    write(to, { version, value }) {
      const codec = codecs[version - 1]
      check(codec !== undefined)
      to.push(Uint8Array.of(version))
      codec?.write(to, value)
    },
    read(from) {
      const version = from.take(1)[0] ?? 0
      const codec = codecs[version - 1]
      if (codec === undefined) throw malformed('format.version', `version ${String(version)} is not known here`)
      return { version, value: codec.read(from) }
    },
  }
}

/** Encoding a value that its own format forbids is a fault of the caller. */
function check(condition: boolean): void {
  if (!condition) throw new AppError('bug', 'format.unencodable', 'a value does not fit its format')
}
