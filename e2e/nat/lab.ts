import { chromium, expect, type BrowserContext } from '@playwright/test'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock, systemRandom } from '../../peer/system.ts'
import { turnServers } from '../../relay/turn.ts'
import { findChromium } from '../../start/chromium.mjs'
import { LAB, removeLab } from '../../start/namespaces.mjs'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** The one address of the lab's internet, which relay and TURN server share. */
const PUBLIC = '10.99.0.1'
const RELAY_PORT = 8484
const TURN_PORT = 3478
const TURN_SECRET = 'of-the-lab'
/** Longest wait for a program to say that it is ready. */
const READY_WITHIN_MS = 30_000

/**
 * What a NAT does. `port-preserving`: a socket keeps its port, whoever it talks to, so that others can be told of it. `symmetric`: another port
 * for each other side. `udp-blocked`: as the first, and no UDP passes.
 */
export type Nat = 'port-preserving' | 'symmetric' | 'udp-blocked'
export type Side = 'a' | 'b'

/** Two private networks, each behind a NAT of its own, and an internet between them; nothing of it touches any other network. */
export class NatLab {
  /** Where the relay serves the page. */
  readonly url = `http://${PUBLIC}:${String(RELAY_PORT)}`
  readonly stun = `stun:${PUBLIC}:${String(RELAY_PORT)}`
  /** Another STUN server, to see whether a NAT treats all alike. */
  readonly otherStun = `stun:${PUBLIC}:${String(TURN_PORT)}`
  private readonly prefix: string
  private readonly folder: string
  private readonly browsers: BrowserContext[] = []
  private readonly programs: ChildProcess[] = []

  private constructor(prefix: string, folder: string) {
    this.prefix = prefix
    this.folder = folder
  }

  /** Builds a lab whose two NATs are of this kind. Needs root. */
  static async build(nat: Nat): Promise<NatLab> {
    const prefix = process.env['SHOAL_NAT'] ?? `${LAB}${String(process.pid)}-`
    // What a test before left that was given up.
    removeLab(prefix)
    const lab = new NatLab(prefix, await mkdtemp(join(tmpdir(), prefix)))
    try {
      lab.namespace('net')
      lab.ip('net', 'link add br0 type bridge')
      lab.ip('net', `addr add ${PUBLIC}/24 dev br0`)
      lab.ip('net', 'link set br0 up')
      lab.side('a', nat)
      lab.side('b', nat)
      return lab
    } catch (error) {
      await lab.remove()
      throw error
    }
  }

  /** Starts the relay program, STUN and page included; one that names the TURN server, too, if that is wanted. */
  async relay(turn: boolean): Promise<void> {
    const options = turn ? ['--turn', turnUrl('udp'), '--turn', turnUrl('tcp'), '--turn-secret', TURN_SECRET] : []
    const own = ['--port', String(RELAY_PORT), '--listen', PUBLIC, '--data', join(this.folder, 'relay'), '--static', join(root, 'dist')]
    await this.program([process.execPath, 'relay/main.ts', ...own, ...options], RELAY_PORT)
  }

  /** Starts a TURN server (coturn), which takes UDP and TCP. */
  async turn(): Promise<void> {
    const at = ['-n', '--listening-ip', PUBLIC, '--relay-ip', PUBLIC, '--listening-port', String(TURN_PORT)]
    const user = ['--use-auth-secret', '--static-auth-secret', TURN_SECRET, '--realm', 'lab']
    const quiet = ['--no-tls', '--no-dtls', '--no-cli', '--log-file', 'stdout', '--simple-log']
    const files = ['--userdb', join(this.folder, 'turndb'), '--pidfile', join(this.folder, 'turn.pid')]
    await this.program(['turnserver', ...at, ...user, ...quiet, ...files], TURN_PORT)
  }

  /** The TURN server for a browser, with credentials as a relay makes them. */
  turnServer(transport: 'udp' | 'tcp'): RTCIceServer {
    const [{ username, credential } = { username: '', credential: '' }] = turnServers({ urls: [], login: { secret: TURN_SECRET } }, systemClock, systemRandom)
    return { urls: turnUrl(transport), username, credential }
  }

  /** A browser behind one of the NATs, with a profile of its own. */
  async browser(side: Side): Promise<BrowserContext> {
    const name = `browser-${String(this.browsers.length)}`
    const wrapper = join(this.folder, `${name}.sh`)
    const found = await findChromium()
    if (found === undefined) throw new Error('there is no Chromium')
    await writeFile(wrapper, `#!/bin/sh\nexec ip netns exec ${this.prefix}${side} '${found}' "$@"\n`)
    await chmod(wrapper, 0o755)
    const context = await chromium.launchPersistentContext(join(this.folder, name), {
      executablePath: wrapper,
      acceptDownloads: true,
      // OPFS, WebCrypto and service workers want https or localhost, and the relay is neither.
      args: [`--unsafely-treat-insecure-origin-as-secure=${this.url}`],
    })
    this.browsers.push(context)
    return context
  }

  /** The machine of one side leaves its network, and is there again under another address, as a laptop that goes from one place to another. */
  moves(side: Side): void {
    const lan = networkOf(side)
    this.ip(side, 'link set eth0 down')
    this.ip(side, `addr del ${lan}.2/24 dev eth0`)
    this.ip(side, `addr add ${lan}.3/24 dev eth0`)
    this.ip(side, 'link set eth0 up')
    this.ip(side, `route add default via ${lan}.1`)
  }

  /** Ends all browsers and programs, and removes namespaces and files. Works on what is there, also after a failure. */
  async remove(): Promise<void> {
    await Promise.all(this.browsers.splice(0).map((context) => context.close().catch(() => undefined)))
    for (const program of this.programs.splice(0)) program.kill('SIGKILL')
    removeLab(this.prefix)
    await rm(this.folder, { recursive: true, force: true })
  }

  /** A private network with one machine in it, and the router that is its NAT. */
  private side(side: Side, nat: Nat): void {
    const router = `router-${side}`
    const lan = networkOf(side)
    this.namespace(router)
    this.namespace(side)
    this.link([router, 'wan'], ['net', router], `10.99.0.1${side === 'a' ? '1' : '2'}/24`)
    this.ip('net', `link set ${router} master br0 up`)
    this.link([router, 'lan'], [side, 'eth0'], `${lan}.1/24`)
    this.ip(side, `addr add ${lan}.2/24 dev eth0`)
    this.ip(side, 'link set eth0 up')
    this.ip(side, `route add default via ${lan}.1`)
    this.run(router, ['sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward'])
    this.iptables(router, `-t nat -A POSTROUTING -o wan -j MASQUERADE${nat === 'symmetric' ? ' --random-fully' : ''}`)
    // What nobody asked for is dropped before conntrack confirms it: else the other side's first packet takes the port that ours needs, and the
    // mapping moves to another, as if the NAT were symmetric.
    this.iptables(router, '-A INPUT -i wan -j DROP')
    this.iptables(router, '-P FORWARD DROP')
    if (nat === 'udp-blocked') this.iptables(router, '-A FORWARD -p udp -j DROP')
    this.iptables(router, '-A FORWARD -i lan -o wan -j ACCEPT')
    this.iptables(router, '-A FORWARD -i wan -o lan -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT')
  }

  private namespace(name: string): void {
    command(['ip', 'netns', 'add', this.prefix + name])
    this.run(name, ['sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6'])
    this.ip(name, 'link set lo up')
  }

  /** Joins two namespaces by a cable; the end of the first gets the address. */
  private link([from, end]: [string, string], [to, other]: [string, string], address: string): void {
    command(['ip', 'link', 'add', end, 'netns', this.prefix + from, 'type', 'veth', 'peer', 'name', other, 'netns', this.prefix + to])
    this.ip(from, `addr add ${address} dev ${end}`)
    this.ip(from, `link set ${end} up`)
  }

  private ip(name: string, words: string): void {
    command(['ip', '-n', this.prefix + name, ...words.split(' ')])
  }

  private iptables(name: string, words: string): void {
    this.run(name, ['iptables', ...words.split(' ')])
  }

  private run(name: string, words: string[]): string {
    return command(['ip', 'netns', 'exec', this.prefix + name, ...words])
  }

  /** Starts a program in the internet, and waits until it listens at a TCP port. */
  private async program(words: readonly string[], port: number): Promise<void> {
    const child = spawn('ip', ['netns', 'exec', `${this.prefix}net`, ...words], { cwd: root, stdio: ['pipe', 'ignore', 'pipe'] })
    this.programs.push(child)
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
    const listens = () => {
      if (child.exitCode !== null) throw new Error(`${words.join(' ')} ended: ${said}`)
      return this.run('net', ['ss', '-Hlnt', `sport = :${String(port)}`])
    }
    await expect.poll(listens, { timeout: READY_WITHIN_MS }).toContain(`${PUBLIC}:${String(port)}`)
  }
}

/** The first three numbers of the addresses behind a NAT. */
function networkOf(side: Side): string {
  return side === 'a' ? '10.99.1' : '10.99.2'
}

function turnUrl(transport: 'udp' | 'tcp'): string {
  return `turn:${PUBLIC}:${String(TURN_PORT)}?transport=${transport}`
}

function command([name, ...args]: readonly [string, ...string[]]): string {
  const { status, stdout, stderr } = spawnSync(name, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${[name, ...args].join(' ')}: ${stderr}`)
  return stdout
}
