/** What the page shows, as its address says after the `#`. */
export type Route =
  | { readonly kind: 'folder'; readonly folder: string }
  | { readonly kind: 'link'; readonly seed: string }
  | { readonly kind: 'trash' | 'account' | 'create' | 'sign-in' }

const SCREENS: Readonly<Record<string, Route>> = {
  '#/trash': { kind: 'trash' },
  '#/account': { kind: 'account' },
  '#/create': { kind: 'create' },
  '#/sign-in': { kind: 'sign-in' },
}

/** The route of `location.hash`; the top folder for what is no route. */
export function routeOf(hash: string): Route {
  if (hash.startsWith('#/s/')) return { kind: 'link', seed: hash.slice(4) }
  if (hash.startsWith('#/f/')) return { kind: 'folder', folder: hash.slice(4) }
  return SCREENS[hash] ?? { kind: 'folder', folder: '' }
}

/** The address of a folder; the top has the empty id. */
export function folderHash(folder: string): string {
  return folder === '' ? '#/' : `#/f/${folder}`
}
