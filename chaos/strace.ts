import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { folderName, holdUntilExit } from './cleanup.ts'
import { tryProgram } from './programs.ts'

const strace = 'strace'

/** Calls that move bytes to the disk, and calls that change what a folder holds. */
export const writeCalls = 'fsync,fdatasync,pwrite64'
export const folderCalls = 'fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,ftruncate,mkdir,mkdirat'

/** What strace does to the Nth call of a thread, or to each: strace counts for each thread by itself. Without an effect it only watches. */
export type Injection = { calls: string; effect?: string; when?: number }

const argumentsOf = ({ calls, effect, when }: Injection): string[] => [
  '-f',
  '-e',
  `trace=${calls}`,
  ...(effect === undefined ? [] : ['-e', `inject=${calls}:${effect}${when === undefined ? '' : `:when=${when}`}`]),
]

/** What a server runs under so that its own start is struck. */
export const under = (injection: Injection): string[] => [strace, '-o', '/dev/null', ...argumentsOf(injection)]

/** Why no step can be struck here, or null. */
export function straceProblem(): string | null {
  if (process.platform !== 'linux') return `strace is for Linux, and this is ${process.platform}`
  if (tryProgram(strace, '-V').isAbsent) return 'strace is absent (Debian package strace)'
  const { isDone, words } = tryProgram(strace, '-o', '/dev/null', '-e', 'trace=fsync', '-e', 'inject=fsync:error=EIO', 'true')
  return isDone ? null : `strace may not trace here: ${words}`
}

export type Tracer = {
  /** Lets the server go on unhindered. Gives how many calls the thread made that made most of them. */
  detach(): Promise<number>
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
      const seen = mostOfOneThread(readFileSync(file, 'utf8'))
      rmSync(place, { recursive: true, force: true })
      return seen
    },
  }
}

/** How many calls the thread made that made most of them, by a trace with thread numbers. */
export function mostOfOneThread(trace: string): number {
  const counts = new Map<string, number>()
  for (const line of trace.split('\n')) {
    const [thread = '', rest = ''] = line.split(/\s+(.*)/)
    if (/^\w+\(/.test(rest)) counts.set(thread, (counts.get(thread) ?? 0) + 1)
  }
  return Math.max(0, ...counts.values())
}
