import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { folderName, holdUntilExit } from './cleanup.ts'
import { tryProgram } from './programs.ts'

const strace = 'strace'

/** Calls that move bytes to the disk, and calls that change what a folder holds. */
export const writeCalls = 'fsync,fdatasync,pwrite64,ftruncate'
export const folderCalls = `${writeCalls},write,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat`

/**
 * What strace does to a call: to the Nth of its name in a thread, because strace counts for each name and each thread by itself, or to every one. Without an effect it only watches.
 */
export type Injection = { calls: string; effect?: string; when?: number }

const argumentsOf = ({ calls, effect, when }: Injection): string[] => [
  '-f',
  '-e',
  `trace=${calls}`,
  ...(effect === undefined ? [] : ['-e', `inject=${calls}:${effect}${when === undefined ? '' : `:when=${when}`}`]),
]

/** What a server runs under so that its own start is struck. `file` takes the trace. */
export const under = (injection: Injection, file = '/dev/null'): string[] => [strace, '-o', file, ...argumentsOf(injection)]

/** Why no step can be struck here, or null. */
export function straceProblem(): string | null {
  if (process.platform !== 'linux') return `strace is for Linux, and this is ${process.platform}`
  if (tryProgram(strace, '-V').isAbsent) return 'strace is absent (Debian package strace)'
  const { isDone, words } = tryProgram(strace, '-o', '/dev/null', '-e', 'trace=fsync', '-e', 'inject=fsync:error=EIO', 'true')
  return isDone ? null : `strace may not trace here: ${words}`
}

/** Calls by name: how many the thread made that made most of that name. */
export type Counts = ReadonlyMap<string, number>

export type Tracer = {
  /** Lets the server go on unhindered. Gives what was seen. */
  detach(): Promise<Counts>
}

const longestAttachMs = 10_000

/** Attaches to every thread of a running server. Resolves when it is in effect. */
export async function attach(pid: number, injection: Injection): Promise<Tracer> {
  const place = mkdtempSync(join(tmpdir(), folderName))
  const file = join(place, 'trace')
  const tracer = spawn(strace, ['-p', String(pid), '-o', file, ...argumentsOf(injection)], { stdio: ['ignore', 'ignore', 'pipe'] })
  const letGo = holdUntilExit(() => tracer.kill('SIGTERM'))
  const ended = new Promise<void>((resolve) => {
    tracer.once('exit', () => resolve())
    tracer.once('error', () => resolve())
  })
  await new Promise<void>((resolve, reject) => {
    let words = ''
    const timer = setTimeout(() => reject(new Error(`strace did not attach to ${pid}: ${words}`)), longestAttachMs)
    tracer.stderr.on('data', (chunk: Buffer) => {
      words += chunk.toString()
      if (!/ attached/.test(words)) return
      clearTimeout(timer)
      resolve()
    })
    void ended.then(() => {
      clearTimeout(timer)
      reject(new Error(`strace ended before it attached to ${pid}: ${words}`))
    })
  })
  return {
    async detach() {
      tracer.kill('SIGTERM')
      await ended
      letGo()
      const seen = countsOf(readFileSync(file, 'utf8'))
      rmSync(place, { recursive: true, force: true })
      return seen
    },
  }
}

/** Reads a trace with thread numbers. */
export function countsOf(trace: string): Counts {
  const [byThread, most] = [new Map<string, number>(), new Map<string, number>()]
  for (const line of trace.split('\n')) {
    const [, thread, name = ''] = /^(\d+)\s+(\w+)\(/.exec(line) ?? []
    if (thread === undefined) continue
    const count = (byThread.get(`${thread} ${name}`) ?? 0) + 1
    byThread.set(`${thread} ${name}`, count)
    most.set(name, Math.max(count, most.get(name) ?? 0))
  }
  return most
}

/** Strides to the last of so many calls, and takes the last three each: they are those around the commit itself. */
export const nextStep = (step: number, count: number, every: number): number =>
  step + (step < count - 2 ? Math.min(every, count - 2 - step) : 1)
