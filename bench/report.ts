/** One figure of a benchmark. `reference` is measured, or allowed, in the same run; `ratio` is value / reference. */
export interface Figure {
  readonly bench: string
  readonly metric: string
  readonly value: number
  readonly unit: string
  readonly reference?: number
}

/** Prints one figure as one line of JSON. */
export function report(figure: Figure): void {
  const { bench, metric, unit } = figure
  const reference = figure.reference === undefined ? null : round(figure.reference)
  const ratio = figure.reference === undefined ? null : round(figure.value / figure.reference)
  console.log(JSON.stringify({ bench, metric, value: round(figure.value), unit, reference, ratio }))
}

function round(value: number): number {
  return Number(value.toPrecision(4))
}
