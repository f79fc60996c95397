import { spawnSync } from 'node:child_process'

export type Ended = { isAbsent: boolean; isDone: boolean; words: string }

/** Runs a program of the system to its end. */
export function tryProgram(program: string, ...args: string[]): Ended {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' })
  return { isAbsent: error !== undefined, isDone: status === 0, words: error?.message ?? stderr.trim() }
}

/** The same, where only success will do. */
export function runProgram(program: string, ...args: string[]): void {
  const { isDone, words } = tryProgram(program, ...args)
  if (!isDone) throw new Error(`${program} ${args.join(' ')}: ${words}`)
}
