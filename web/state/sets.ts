/** A set that nobody changes: a change makes a new one, so that it can be watched as a whole. */
export function setOf(ids: Iterable<string>): ReadonlySet<string> {
  return new Set(ids)
}
