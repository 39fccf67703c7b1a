/** What tabs of one browser say to each other about who leads (docs/protocols/leader.md), on this BroadcastChannel. */
export const CHANNEL = 'shoal-leader'

export type News =
  | { readonly kind: 'lead'; readonly leader: string; readonly stolen: boolean }
  | { readonly kind: 'beat'; readonly leader: string }
  | { readonly kind: 'update' }

/** To the service worker, with a port: whoever leads shall get it. */
export interface FollowRequest {
  readonly kind: 'shoal-follow'
}

/** From the service worker to each page, with a port: say on it whether you lead. */
export interface LeadRequest {
  readonly kind: 'shoal-lead'
}

/** The answer; to the one that leads comes a `hand-over` with the follower's port. */
export type LeadAnswer = { readonly kind: 'leading' } | { readonly kind: 'not-leading' }

export interface HandOver {
  readonly kind: 'hand-over'
}

/** The first message on a follower's port. */
export interface Introduction {
  readonly kind: 'shoal-leader'
  readonly leader: string
}
