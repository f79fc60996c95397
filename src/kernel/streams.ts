import type { Principal } from './context.ts'
import { AppError } from './errors.ts'

/** Open streams of one user (SECURITY.md, sockets). */
const maxStreams = 20
const open = new Map<string, number>()

/** Counts one stream that somebody opens, and returns what gives its place back. Errors: `too_many_streams`. */
export function takeStream({ tenantId, id }: Principal): () => void {
  const who = `${tenantId} ${id}`
  const count = (open.get(who) ?? 0) + 1
  if (count > maxStreams)
    throw new AppError('limited', 'too_many_streams', `At most ${maxStreams} event streams may be open at once.`, { retryAfterSeconds: 5 })
  open.set(who, count)
  return () => {
    const left = (open.get(who) ?? 1) - 1
    if (left === 0) open.delete(who)
    else open.set(who, left)
  }
}
