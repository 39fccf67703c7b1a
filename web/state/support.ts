/** What this window can do: everything, only open links, or nothing. */
export type Support =
  | { readonly kind: 'full' }
  | { readonly kind: 'private'; readonly text: string }
  | { readonly kind: 'reader'; readonly text: string }
  | { readonly kind: 'none'; readonly text: string }

interface MemoryInfo {
  readonly jsHeapSizeLimit: number
}

/** Looks at the features that Shoal cannot do without. */
export async function checkSupport(): Promise<Support> {
  if (!isSecureContext) {
    return { kind: 'none', text: 'This page was opened over an unsafe connection, so the browser switches encryption off. Open it over https, or on the computer it runs on.' }
  }
  const missing = missingFeatures()
  if (missing.length > 0) {
    return { kind: 'none', text: `This browser lacks what Shoal needs (${missing.join(', ')}). Use a current Chrome, Edge, Firefox or Safari.` }
  }
  try {
    await navigator.storage.getDirectory()
  } catch {
    return { kind: 'reader', text: 'This looks like a private window: the browser does not let Shoal keep anything here. You can open links, but not store files.' }
  }
  if (await looksPrivate()) {
    return { kind: 'private', text: 'This looks like a private window: when it is closed, the browser forgets your list. Files can then only be reached by links that you saved, or by your account if you have one. Use a normal window for files you want to keep.' }
  }
  return { kind: 'full' }
}

function missingFeatures(): string[] {
  const needs: readonly (readonly [string, boolean])[] = [
    ['web workers', 'Worker' in globalThis],
    ['service workers', 'serviceWorker' in navigator],
    ['WebAssembly', 'WebAssembly' in globalThis],
    ['file storage', 'storage' in navigator && 'getDirectory' in navigator.storage],
    ['IndexedDB', 'indexedDB' in globalThis],
    ['compression', 'CompressionStream' in globalThis],
    ['locks', 'locks' in navigator],
  ]
  return needs.filter(([, there]) => !there).map(([name]) => name)
}

/** Chromium grants a private window less room than twice its heap limit, and a normal one far more. */
async function looksPrivate(): Promise<boolean> {
  const memory = (performance as { memory?: MemoryInfo }).memory
  if (memory === undefined) return false
  const { quota } = await navigator.storage.estimate()
  return quota !== undefined && quota < 2 * memory.jsHeapSizeLimit
}
