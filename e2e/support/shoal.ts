import { spawn, type ChildProcess } from 'node:child_process'
import { readdir, readFile, mkdtemp, rm } from 'node:fs/promises'
import { readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** Folders of this run and of no other. */
const PREFIX = `shoal-e2e-${String(process.pid)}-`

/** Long enough for 16 hosts to start on two busy cores. */
const START_TIME = 120_000

export interface StartOptions {
  readonly hosts?: number
  readonly port?: number
  readonly data?: string
  readonly space?: string
  /** A module that every Node process of this Shoal loads first. */
  readonly preload?: string
}

export interface ExitedStart {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface StartedShoal {
  readonly child: ChildProcess
  readonly exited: Promise<ExitedStart>
  /** What it printed so far. */
  readonly text: { readonly stdout: string; readonly stderr: string }
}

/** A free TCP port of this machine, free at least now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** An empty folder that only this run uses; removed when the run ends. */
export async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), PREFIX))
  if (process.listeners('exit').every((listener) => listener !== removeFolders)) process.once('exit', removeFolders)
  return folder
}

/** Removes all of them. */
function removeFolders(): void {
  for (const name of readdirSync(tmpdir())) {
    if (name.startsWith(PREFIX)) rmSync(join(tmpdir(), name), { recursive: true, force: true })
  }
}

/** `npm start`, exactly as a person types it. */
export function npmStart(options: readonly string[], preload?: string): StartedShoal {
  const env = preload === undefined ? process.env : { ...process.env, NODE_OPTIONS: `--import=${preload}` }
  const child = spawn('npm', ['start', '--', ...options], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], detached: true, env })
  const text = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) child[name].on('data', (chunk: Buffer) => (text[name] += chunk.toString()))
  const exited = new Promise<ExitedStart>((resolve) => {
    child.on('close', (code) => {
      resolve({ code, ...text })
    })
  })
  return { child, exited, text }
}

/** A running Shoal: relay and hosts, each a process of its own. */
export class RunningShoal {
  readonly url: string
  readonly data: string
  readonly port: number
  private readonly started: StartedShoal

  private constructor(url: string, data: string, port: number, started: StartedShoal) {
    this.url = url
    this.data = data
    this.port = port
    this.started = started
  }

  /** Runs `npm start` and waits until it prints its address. What crashes stays down, so that a test can kill hosts. */
  static async start(options: StartOptions = {}): Promise<RunningShoal> {
    const port = options.port ?? (await freePort())
    const data = options.data ?? (await newFolder())
    const args = ['--port', String(port), '--data', data, '--hosts', String(options.hosts ?? 1), '--no-restart']
    if (options.space !== undefined) args.push('--host-space', options.space)
    const started = npmStart(args, options.preload)
    const url = `http://localhost:${String(port)}`
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error('npm start printed no address in time'))
      }, START_TIME)
      started.child.stdout?.on('data', (chunk: Buffer) => {
        if (chunk.toString().includes(url)) resolve()
      })
      void started.exited.then((end) => {
        reject(new Error(`npm start ended: ${end.stderr || end.stdout}`))
      })
      void started.exited.finally(() => {
        clearTimeout(timer)
      })
    })
    return new RunningShoal(url, data, port, started)
  }

  /** Ctrl-C, to the whole group as a terminal does it. */
  async stop(): Promise<ExitedStart> {
    this.signal('SIGINT')
    return this.started.exited
  }

  /** Kills everything at once with no chance to say good-bye. */
  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.started.exited
  }

  /** Kills these hosts (0 …) for good. */
  async killHosts(numbers: readonly number[]): Promise<void> {
    for (const number of numbers) {
      for (const pid of await processesWith(this.hostFolder(number))) process.kill(pid, 'SIGKILL')
    }
  }

  /** Process ids of relay and hosts that still run on this data folder. */
  processes(): Promise<number[]> {
    return processesWith(this.data)
  }

  /** Pieces that a client sent again although the host had acknowledged them: hosts say so in their log. */
  sentTwice(): string[] {
    return this.started.text.stderr.split('\n').filter((line) => line.includes('shard.sent-twice'))
  }

  hostFolder(number: number): string {
    return join(this.data, `host-${String(number)}`)
  }

  async clean(): Promise<void> {
    const { child } = this.started
    if (child.exitCode === null && child.signalCode === null) await this.kill()
    for (const pid of await this.processes()) process.kill(pid, 'SIGKILL')
    await rm(this.data, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }

  private signal(signal: NodeJS.Signals): void {
    const { pid } = this.started.child
    if (pid !== undefined) process.kill(-pid, signal)
  }
}

/** Node processes whose command line has `folder` or something inside it as an argument. */
async function processesWith(folder: string): Promise<number[]> {
  const found: number[] = []
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue
    const command = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '')
    const args = command.split('\0')
    const program = args.some((arg) => /(relay\/main|daemon\/host)\.ts$/.test(arg))
    if (program && args.some((arg) => arg === folder || arg.startsWith(`${folder}/`))) found.push(Number(entry))
  }
  return found
}
