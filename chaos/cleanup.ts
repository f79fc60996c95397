import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tryProgram } from './programs.ts'

/** What must be undone however this process ends: servers, mounts, folders. Run in reverse order of their making. */
const held = new Set<() => void>()
let isArmed = false

/** Registers an undoing that cannot wait (no promises at exit). Returns what takes it off the list again, without running it. */
export function holdUntilExit(undo: () => void): () => void {
  if (!isArmed) arm()
  held.add(undo)
  return () => held.delete(undo)
}

function arm(): void {
  isArmed = true
  process.on('exit', undoAll)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => {
      console.error(`!! chaos: ended by ${signal}, cleaning up`)
      undoAll()
      process.exit(1)
    })
}

function undoAll(): void {
  for (const undo of [...held].reverse()) {
    held.delete(undo)
    try {
      undo()
    } catch (error) {
      console.error(`!! could not clean up: ${error instanceof Error ? error.message : error}`)
    }
  }
}

/** The start of every folder's name here; then the process that made it. */
export const folderName = `holdfast-chaos-${process.pid}-`
const ours = /holdfast-chaos-(\d+)-/

/** What a harness that was itself killed has left mounted or lying about. */
export function sweep(): void {
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n')
  for (const line of mounts.reverse()) {
    const [, path = ''] = line.split(' ')
    if (isOrphan(path)) tryProgram('umount', '-l', path)
  }
  for (const place of new Set([tmpdir(), '/dev/shm']))
    if (existsSync(place))
      for (const name of readdirSync(place)) if (isOrphan(name)) rmSync(join(place, name), { recursive: true, force: true })
}

function isOrphan(path: string): boolean {
  const maker = ours.exec(path)?.[1]
  return maker !== undefined && !existsSync(`/proc/${maker}`)
}
