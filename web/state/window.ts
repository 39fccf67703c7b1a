/** Lists up to this long are drawn whole: a browser has no trouble with them, and finding in the page works. */
export const DRAWN_WHOLE = 500

/** Rows drawn beyond each end of what is visible, so that a turn of the wheel does not outrun the answers: a page of rows takes a browser its time. */
const MARGIN = 15

/** Windows begin and end at a multiple of this, so that a small scroll asks for nothing new. */
const STEP = 10

/** Rows of a list, from the first to before the second. */
export interface Range {
  readonly from: number
  readonly to: number
}

/** What of a list can be seen. */
export interface View {
  /** Pixels of the list that are above what is visible; negative where it begins below the upper edge. */
  readonly above: number
  /** Height of what is visible, in pixels. */
  readonly height: number
  /** Height of a row, in pixels. */
  readonly row: number
}

/** The rows to have for what is visible of a list of `total`: all of a short one. */
export function windowOf({ above, height, row }: View, total: number): Range {
  if (total <= DRAWN_WHOLE) return { from: 0, to: total }
  const first = Math.floor(above / row) - MARGIN
  const last = Math.ceil((above + height) / row) + MARGIN
  const from = clamp(Math.floor(first / STEP) * STEP, total)
  return { from, to: Math.max(from, clamp(Math.ceil(last / STEP) * STEP, total)) }
}

/** Whether `inner` lies in `outer`. */
export function covers(outer: Range, inner: Range): boolean {
  return outer.from <= inner.from && inner.to <= outer.to
}

function clamp(value: number, total: number): number {
  return Math.min(Math.max(value, 0), total)
}
