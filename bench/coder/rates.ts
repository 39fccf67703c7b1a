import { report } from '../report.ts'
import { MIB } from './files.ts'

/** Rates in MiB/s, by name. */
export class Rates {
  private readonly all = new Map<string, number[]>()

  note(name: string, bytes: number, seconds: number): void {
    this.all.set(name, [...(this.all.get(name) ?? []), bytes / MIB / seconds])
  }

  /** Reports the median of one, over that of another where there is one. */
  say(metric: string, name: string, against: string): void {
    const reference = this.all.get(against)
    report({ bench: 'coder', metric, value: median(this.all.get(name) ?? []), unit: 'MiB/s', ...(reference === undefined ? {} : { reference: median(reference) }) })
  }
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}
