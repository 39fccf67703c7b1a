import { AppError } from '../core/base/errors.ts'

/** Trusted Types (https://w3c.github.io/trusted-types/), not yet in TypeScript's library. */
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string }
}

/** Turns the URL of one of our own scripts into one that the page's policy `shoal` lets run. */
export type ScriptUrl = (url: string) => string

/**
 * The policy `shoal` of this realm; made once, at its entry point. Where the browser has no Trusted Types, URLs are checked all the same.
 * A URL of another origin throws `bug` `script.foreign`.
 */
export function scriptUrls(scope: { readonly location: { readonly href: string; readonly origin: string }; readonly trustedTypes?: unknown }): ScriptUrl {
  const createScriptURL = (url: string): string => {
    const { href, origin } = new URL(url, scope.location.href)
    if (origin !== scope.location.origin) throw new AppError('bug', 'script.foreign', 'a script of another origin')
    return href
  }
  const trustedTypes = scope.trustedTypes as TrustedTypes | undefined
  const policy = trustedTypes?.createPolicy('shoal', { createScriptURL })
  return policy === undefined ? createScriptURL : (url) => policy.createScriptURL(url)
}
