/** What some computer does not take in a name: Windows is the strictest. */
const REFUSED = /[<>:"/\\|?*\p{Cc}]/gu
const ENDS = /[. ]+$/
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)(?=\.|$)/i

/** `name` as every computer takes it (Windows: "Naming Files, Paths, and Namespaces"): other characters for what one of them refuses. */
export function safeName(name: string): string {
  const safe = name.replace(REFUSED, '_').replace(ENDS, '').replace(RESERVED, '_$1')
  return safe === '' ? '_' : safe
}
