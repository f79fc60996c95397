import { readdirSync, readFileSync } from 'node:fs'
import { sleep } from './random.ts'

const longestMs = 5_000

/**
 * Stops every thread of a process group where it stands, as a power cut stops the processor together with the disk. Without it the process could act on what the kernel says after the cut, and
 * there an fsync that was under way may say that it succeeded (docs/chaos.md). A thread inside such a call is not stopped yet, but returns to nothing: it stops before its next instruction.
 */
export const freeze = (pid: number): Promise<void> => stop(pid, -pid)

/** The same for a process and then its children, each in a group of its own, as PostgreSQL's are. The parent goes first, so that it makes no more of them. Resolves to all of them. */
export async function freezeFamily(pid: number): Promise<number[]> {
  await stop(pid, pid)
  const children = childrenOf(pid)
  await Promise.all(children.map((child) => stop(child, child)))
  return [pid, ...children]
}

async function stop(pid: number, target: number): Promise<void> {
  if (!isThere(pid, target)) return
  process.kill(target, 'SIGSTOP')
  for (const startedMs = performance.now(); isThere(pid, target) && !isStopped(pid); await sleep(1))
    if (performance.now() - startedMs > longestMs)
      throw new Error(`Process ${pid} does not stop: its threads are ${statesOf(pid).join('')}`)
}

const isStopped = (pid: number): boolean => statesOf(pid).every((state) => 'TtDZX'.includes(state))

/** Scheduler states by thread, proc_pid_stat(5); what ends while one looks is left out. */
const statesOf = (pid: number): string[] =>
  threadsOf(pid).flatMap((thread) => {
    try {
      // the name before it is in brackets, and may hold any character
      return [readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8').split(') ').at(-1)?.charAt(0) ?? 'X']
    } catch {
      return []
    }
  })

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
}

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .split(' ')
    .filter((text) => text !== '')
    .map(Number)

function isThere(pid: number, target: number): boolean {
  try {
    process.kill(target, 0)
    return threadsOf(pid).length > 0
  } catch {
    return false
  }
}
