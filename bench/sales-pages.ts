import { type Call, percentile, timed } from './calls.ts'
import type { Report } from './report.ts'
import type { Server } from './servers.ts'

const password = 'a passphrase for measuring 7'

/** An agent with a hundredth of so many leads reads the own list and the own numbers (contracts/vantagepoint.md, section 10). */
export async function agentPages(report: Report, { call, server, leads }: { call: Call; server: Server; leads: number }): Promise<void> {
  const { user } = await call<{ user: { id: number } }>('POST', '/api/v1/users', { username: 'bench.agent', password })
  for (let from = 0; from < leads; from += 1_000) {
    const rows = Array.from({ length: Math.min(1_000, leads - from) }, (_, at) => ({
      practice_name: `Practice ${from + at}`,
      owner_name: 'Dr. Iris Vale',
      practice_phone: '+1 555 0100',
      score: (from + at) % 101,
      assigned_user_id: at % 100 === 0 ? user.id : null,
    }))
    await call('POST', '/api/v1/leads/bulk', { leads: rows })
  }
  const { access_token: token } = await call<{ access_token: string }>('POST', '/api/v1/auth/login', { username: 'bench.agent', password })
  for (const page of ['leads', 'summary']) {
    const times: number[] = []
    for (let n = 0; n < 60; n += 1) {
      const read = () =>
        fetch(`${server.url}/api/v1/${page}`, { headers: { authorization: `Bearer ${token}` } }).then((answer) => answer.arrayBuffer())
      times.push((await timed(read)).ms)
    }
    report.plain(`an agent's /${page} beside ${leads} leads, p95`, percentile(times, 0.95), 'ms', { max: 100 })
  }
}

/** Agents that are made 40 at once, each with a hash of its own and a hand-out (section 4). */
export async function creations(report: Report, call: Call, rounds: number): Promise<void> {
  const times: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    const all = Array.from({ length: 40 }, (_, at) =>
      timed(() => call('POST', '/api/v1/users', { username: `bench.r${round}n${at}`, password })),
    )
    times.push(...(await Promise.all(all)).map(({ ms }) => ms))
  }
  report.plain('making an agent, 40 at once, p50', percentile(times, 0.5), 'ms')
  report.plain('making an agent, 40 at once, p99', percentile(times, 0.99), 'ms', { max: 2_000 })
}
