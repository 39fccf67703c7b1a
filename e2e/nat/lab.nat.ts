import { expect, test, type Page } from '@playwright/test'
import { NatLab, type Nat } from './lab.ts'
import { connectRaw, seenPorts, speed } from './raw.ts'

/** The lab's own check, with WebRTC alone: its NATs are what they are called. */

const DIRECT = /^(srflx|prflx)$/

async function inLab(nat: Nat, check: (lab: NatLab, a: Page, b: Page) => Promise<void>): Promise<void> {
  const lab = await NatLab.build(nat)
  try {
    await lab.relay(false)
    await lab.turn()
    const [a, b] = [await lab.browser('a'), await lab.browser('b')]
    await check(lab, await a.newPage(), await b.newPage())
  } finally {
    await lab.remove()
  }
}

async function tell(way: string, a: Page, b: Page): Promise<void> {
  console.log(`  ${way}: ${(await speed(a, b, 16 * 2 ** 20)).toFixed(1)} MiB/s`)
}

test('behind port-preserving NATs a socket has one port for all, and two browsers meet directly', async () => {
  await inLab('port-preserving', async (lab, a, b) => {
    const { own, seen } = await seenPorts(a, [{ urls: [lab.stun, lab.otherStun] }])
    expect(seen).toHaveLength(1)
    expect(own).toEqual(seen)
    const pair = await connectRaw(a, b, [{ urls: lab.stun }])
    expect(pair).toEqual({ local: expect.stringMatching(DIRECT) as unknown, remote: expect.stringMatching(DIRECT) as unknown })
    await tell('direct', a, b)
  })
})

test('behind symmetric NATs each server sees another port, and two browsers meet over TURN alone', async () => {
  await inLab('symmetric', async (lab, a, b) => {
    const { seen } = await seenPorts(a, [{ urls: [lab.stun, lab.otherStun] }])
    expect(seen).toHaveLength(2)
    expect(await connectRaw(a, b, [{ urls: lab.stun }])).toBeUndefined()
    const pair = await connectRaw(a, b, [{ urls: lab.stun }, lab.turnServer('udp')])
    expect(Object.values(pair ?? {})).toContain('relay')
    await tell('TURN over UDP', a, b)
  })
})

test('where UDP is blocked no server is seen at all, and two browsers meet over TURN through TCP', async () => {
  await inLab('udp-blocked', async (lab, a, b) => {
    const overUdp = [{ urls: [lab.stun, lab.otherStun] }, lab.turnServer('udp')]
    expect(await seenPorts(a, overUdp)).toEqual({ own: [expect.any(Number)], seen: [], relayed: [] })
    expect(await connectRaw(a, b, [lab.turnServer('tcp')])).toEqual({ local: 'relay', remote: 'relay', turn: 'tcp' })
    await tell('TURN over TCP', a, b)
  })
})
