import { readdirSync, readFileSync } from 'node:fs'
import { sleep } from './random.ts'

const longestMs = 5_000

/**
 * Stops every thread of a process where it stands, as a power cut stops the processor together with the disk. Without it the process could act on what the kernel says after the cut, and there an
 * fsync that was under way may say that it succeeded (docs/chaos.md). A thread inside such a call is not stopped yet, but returns to nothing: it stops before its next instruction.
 */
export async function freeze(pid: number): Promise<void> {
  if (!isThere(pid)) return
  process.kill(-pid, 'SIGSTOP')
  for (const startedMs = performance.now(); isThere(pid) && !statesOf(pid).every((state) => 'TtDZX'.includes(state)); await sleep(1))
    if (performance.now() - startedMs > longestMs)
      throw new Error(`Process ${pid} does not stop: its threads are ${statesOf(pid).join('')}`)
}

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

function isThere(pid: number): boolean {
  try {
    process.kill(-pid, 0)
    return threadsOf(pid).length > 0
  } catch {
    return false
  }
}
