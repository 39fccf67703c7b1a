import { AppError, asAppError } from '../core/base/errors.ts'
import { MAX_RELAY_INFO, parseRelayInfo, type RelayInfo } from './relay-info.ts'

/** Asks a relay for its addresses. Throws `transient` `relay.unreachable` or `invalid` `relay.malformed`. */
export async function requestInfo(origin: string, signal: AbortSignal): Promise<RelayInfo> {
  const text = await request(origin, signal)
  if (text === undefined) throw new AppError('invalid', 'relay.malformed', 'relay.json is too long')
  try {
    return parseRelayInfo(JSON.parse(text))
  } catch (error) {
    throw asAppError(error, 'invalid', 'relay.malformed')
  }
}

async function request(origin: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const response = await fetch(`${origin}/relay.json`, { signal, cache: 'no-store', credentials: 'omit', referrerPolicy: 'no-referrer' })
    if (response.ok) return await textOf(response)
    throw new AppError('transient', 'relay.unreachable', `relay.json: status ${response.status}`)
  } catch (cause) {
    throw new AppError('transient', 'relay.unreachable', 'the relay does not answer', { cause })
  }
}

/** The body of an answer; `undefined` when it is too long, however much more there is. */
async function textOf({ body }: Response): Promise<string | undefined> {
  const decoder = new TextDecoder()
  const reader = body?.getReader()
  let text = ''
  for (let next = await reader?.read(); next?.done === false; next = await reader?.read()) {
    text += decoder.decode(next.value, { stream: true })
    if (text.length <= MAX_RELAY_INFO) continue
    await reader?.cancel()
    return undefined
  }
  return text
}
