import { drive } from './load.ts'
import type { Report } from './report.ts'
import { loadOf, measure } from './scenarios.ts'
import { get, type Server } from './servers.ts'

/** p50 of pages from the second half of the list, against the reference's first page at the same time. */
export async function deepPages(
  { holdfast: server, reference }: { holdfast: Server; reference: Server },
  seconds: number,
): Promise<number> {
  const cursors: string[] = []
  for (let cursor = '', page = 0; page < 500; page++) {
    const { nextCursor } = (await get(`${server.url}/v1/users?limit=200${cursor}`, server.token)) as { nextCursor: string | null }
    if (nextCursor === null) break
    cursors.push(nextCursor)
    cursor = `&cursor=${nextCursor}`
  }
  const deepest = cursors.slice(Math.floor(cursors.length / 2))
  let turn = 0
  const next = () => ({ path: `/v1/users?limit=20&cursor=${deepest[turn++ % deepest.length]}`, token: server.token })
  const ratios: number[] = []
  for (let round = 0; round < 5; round++) {
    const ours = await drive({ url: server.url, clients: 64, seconds: seconds / 4, method: 'GET', next })
    ratios.push(ours.p50 / (await measure(reference, 'list-20', { clients: 64, seconds: seconds / 4 })).p50)
  }
  return ratios.sort((a, b) => a - b)[2] ?? Number.NaN
}

/** A lone create waits for nobody: its time against the reference's, one client. */
export async function lone({ holdfast, reference }: { holdfast: Server; reference: Server }, report: Report): Promise<void> {
  const at = { clients: 1, seconds: 4 }
  const before = await measure(reference, 'create', at)
  const ours = await measure(holdfast, 'create', at)
  report.plain('a lone create, p50', ours.p50, 'ms')
  report.ratio('a lone create: p50 against the reference', ours.p50 / before.p50, {})
}

/** Sign-ins at full speed: what they do to the event loop and to reads beside them, and what happens past capacity. */
export async function saturation(server: Server, report: Report, seconds: number): Promise<void> {
  await server.loop()
  const signIns = drive(loadOf(server, 'sign-in', { clients: 64, seconds: seconds * 2 }))
  await new Promise((resolve) => setTimeout(resolve, 1000))
  const reads = await measure(server, 'read-one', { clients: 4, seconds })
  await signIns
  report.plain('event-loop delay p99 while saturated', await server.loop(), 'ms', { max: 10 })
  report.plain('reads beside 64 sign-ins, p99', reads.p99, 'ms', { max: 20 })
  const load = loadOf(server, 'sign-in', { clients: 400, seconds })
  const beyond = await drive(load)
  report.plain('past capacity (400 clients): refused with 503', (100 * beyond.refused) / (beyond.refused + beyond.ok + beyond.failed), '%')
  report.plain('past capacity: a refusal, p50', beyond.refusedP50, 'ms')
  report.plain('past capacity: a refusal, p99', beyond.refusedP99, 'ms')
  report.plain('past capacity: slowest sign-in that got through', beyond.worst, 'ms', { max: 2000 })
}
