import { expect, test, type Page } from '@playwright/test'
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { links } from '../support/links.ts'
import { addFiles, connected, download, stored } from '../support/page.ts'
import { host } from '../support/tabs.ts'
import { NatLab, type Nat } from './lab.ts'

/** Shoal behind NATs: a tab behind one of them hosts, a tab behind the other stores a file there, and has it again after a reload. */

const MIB = 2 ** 20
/** Goes through a relay's lane twice, with all its pieces (docs/protocols/relay.md 3). */
const SMALL = 100 * 1024
/** A direct way is tried first, and ICE gives up late. */
const MEETING_MS = 90_000

interface Way {
  readonly nat: Nat
  readonly turn: boolean
  readonly size: number
  /** What the page says of its connections. */
  readonly status: RegExp
  /** Looks at the ends of the link in use, as the browser names them. */
  readonly check: (ends: readonly (string | null)[]) => void
}

/** A tab behind one NAT that hosts, and one behind the other that has found it. */
async function meet(lab: NatLab): Promise<{ hosting: Page; owner: Page }> {
  const hosting = await (await lab.browser('a')).newPage()
  await hosting.goto(lab.url)
  await host(hosting)
  const owner = await (await lab.browser('b')).newPage()
  await owner.goto(lab.url)
  await connected(owner, 1, MEETING_MS)
  return { hosting, owner }
}

async function storeAndFetch({ nat, turn, size, status, check }: Way): Promise<void> {
  const lab = await NatLab.build(nat)
  try {
    await lab.relay(turn)
    if (turn) await lab.turn()
    const { owner } = await meet(lab)
    const buffer = randomBytes(size)
    await addFiles(owner, [{ name: 'file.bin', mimeType: 'application/octet-stream', buffer }])
    await stored(owner, 'file.bin')
    await expect(owner.getByRole('status')).toHaveText(status)
    check(await ends(owner))

    await owner.reload()
    await connected(owner, 1, MEETING_MS)
    const begin = performance.now()
    expect(buffer.equals(await readFile(await download(owner, 'Download file.bin')))).toBe(true)
    console.log(`  ${nat}${turn ? ', TURN' : ''}: ${(size / MIB / ((performance.now() - begin) / 1000)).toFixed(1)} MiB/s`)
    await expect(owner.getByRole('status')).toHaveText(status)
    check(await ends(owner))
  } finally {
    await lab.remove()
  }
}

/** The kinds of both ends of all living links. */
async function ends(page: Page): Promise<(string | null)[]> {
  return (await links(page)).filter(({ state }) => state === 'connected').flatMap(({ local, remote }) => [local, remote])
}

const DIRECT = /Connected to \d+ peers, 1 hosts$/
const RELAYED = /Connected to \d+ peers, 1 hosts · 1 relayed$/

function direct(ends: readonly (string | null)[]): void {
  expect(ends).toHaveLength(2)
  for (const end of ends) expect(end).toMatch(/^(host|srflx|prflx)$/)
}

function throughTurn(ends: readonly (string | null)[]): void {
  expect(ends).toContain('relay')
}

function none(ends: readonly (string | null)[]): void {
  expect(ends).toEqual([])
}

test('behind port-preserving NATs tabs meet directly, with the help of STUN alone', async () => {
  await storeAndFetch({ nat: 'port-preserving', turn: false, size: 8 * MIB, status: DIRECT, check: direct })
})

test('behind symmetric NATs tabs meet over the TURN server that the relay names', async () => {
  await storeAndFetch({ nat: 'symmetric', turn: true, size: 8 * MIB, status: DIRECT, check: throughTurn })
})

test('behind symmetric NATs and without TURN a small file goes through the relay, and the page says that it does', async () => {
  await storeAndFetch({ nat: 'symmetric', turn: false, size: SMALL, status: RELAYED, check: none })
})

test('where UDP is blocked tabs meet over TURN through TCP', async () => {
  await storeAndFetch({ nat: 'udp-blocked', turn: true, size: 8 * MIB, status: DIRECT, check: throughTurn })
})

test('where UDP is blocked and without TURN a small file goes through the relay, and the page says that it does', async () => {
  await storeAndFetch({ nat: 'udp-blocked', turn: false, size: SMALL, status: RELAYED, check: none })
})

test('a hosting tab whose machine goes to another network is found there, with what it holds', async () => {
  const lab = await NatLab.build('port-preserving')
  try {
    await lab.relay(false)
    const { hosting, owner } = await meet(lab)
    const buffer = randomBytes(8 * MIB)
    await addFiles(owner, [{ name: 'file.bin', mimeType: 'application/octet-stream', buffer }])
    await stored(owner, 'file.bin')

    lab.moves('a')
    const begin = performance.now()
    await expect(owner.getByRole('status')).not.toHaveText(/1 hosts/, { timeout: MEETING_MS })
    const gone = performance.now()
    await connected(owner, 1, MEETING_MS)
    console.log(`  missed after ${((gone - begin) / 1000).toFixed(0)} s, back ${((performance.now() - gone) / 1000).toFixed(0)} s later`)
    expect(buffer.equals(await readFile(await download(owner, 'Download file.bin')))).toBe(true)
    direct(await ends(owner))
    await expect(hosting.getByRole('switch', { name: 'Host for others' })).toBeChecked()
  } finally {
    await lab.remove()
  }
})
