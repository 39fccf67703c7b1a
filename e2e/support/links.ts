import type { CDPSession, Page } from '@playwright/test'

/** One direct link of a page as its browser sees it. */
export interface Link {
  /** `connected` while it lives. */
  readonly state: string
  /** Kinds of the two addresses in use: `host`, `srflx`, `prflx`, and `relay` when a TURN server stands between. */
  readonly local: string | null
  readonly remote: string | null
  readonly sent: number
  readonly received: number
}

/** All `RTCPeerConnection`s that the page holds, closed ones that could not be freed included, after a garbage collection. */
export async function links(page: Page): Promise<Link[]> {
  const session = await page.context().newCDPSession(page)
  try {
    return await linksOf(session)
  } finally {
    await session.detach()
  }
}

async function linksOf(session: CDPSession): Promise<Link[]> {
  const objectGroup = 'links'
  const { result: prototype } = await session.send('Runtime.evaluate', { expression: 'RTCPeerConnection.prototype', objectGroup })
  if (prototype.objectId === undefined) throw new Error('the page has no WebRTC')
  const { objects } = await session.send('Runtime.queryObjects', { prototypeObjectId: prototype.objectId, objectGroup })
  if (objects.objectId === undefined) throw new Error('no list of connections')
  const { result } = await session.send('Runtime.callFunctionOn', {
    objectId: objects.objectId,
    functionDeclaration: `async function () { return Promise.all(this.map(${look.toString()})) }`,
    awaitPromise: true,
    returnByValue: true,
  })
  await session.send('Runtime.releaseObjectGroup', { objectGroup })
  return result.value as Link[]
}

/** Runs in the page, so it uses nothing from around it. */
async function look(connection: RTCPeerConnection): Promise<Link> {
  const found: Record<string, string | number>[] = []
  if (connection.connectionState !== 'closed') (await connection.getStats()).forEach((stat) => found.push(stat as Record<string, string | number>))
  const byId = (id: string | number | undefined): Record<string, string | number> | undefined => found.find((stat) => stat['id'] === id)
  const transport = found.find((stat) => stat['type'] === 'transport')
  const pair = byId(transport?.['selectedCandidatePairId'])
  const kind = (side: string): string | null => {
    const type = byId(pair?.[side])?.['candidateType']
    return type === undefined ? null : String(type)
  }
  return {
    state: connection.connectionState,
    local: kind('localCandidateId'),
    remote: kind('remoteCandidateId'),
    sent: Number(transport?.['bytesSent'] ?? 0),
    received: Number(transport?.['bytesReceived'] ?? 0),
  }
}
