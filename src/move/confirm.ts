import { platformTenant, type Storage } from '../storage/port.ts'
import { headsOf } from './streams.ts'

/** The operation that a move leaves in the log of its target. */
export const moveAction = 'storage.move'

/** What a finished target is to a source. equal: its copy, and nothing was written to it since · moved: its copy with the entry of the move, so that it may be in use · other: anything else. */
export async function likeness(source: Storage, target: Storage): Promise<'equal' | 'moved' | 'other'> {
  const ours = new Map<string, { sequence: number; hash: string }>()
  for await (const head of headsOf(source)) ours.set(head.stream, head)
  const platform = ours.get(platformTenant)
  if (platform !== undefined) {
    const [last, next] = await target.tenant(platformTenant).log(null, platform.sequence - 1, 2)
    if (last?.hash === platform.hash && next?.entry.action === moveAction) return 'moved'
  }
  for await (const { stream, sequence, hash } of headsOf(target)) {
    const end = ours.get(stream)
    if (end?.sequence !== sequence || end.hash !== hash) return 'other'
    ours.delete(stream)
  }
  return ours.size === 0 ? 'equal' : 'other'
}
