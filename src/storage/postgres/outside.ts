import type { Committer } from './group.ts'
import type { Pool } from './pool.ts'
import { setRole, setTenant } from './questions.ts'
import type { Roles } from './schema.ts'
import type { Committed } from './watch.ts'

/** Five seconds are promised (contracts/salesbrain.md, section 9). */
const everyMs = 1_000
const tenantsAtOnce = 200

type Options = {
  pool: Pool
  roles: Roles
  committer: Committer
  isSigned(): boolean
  tell(commits: readonly Committed[]): void
  onProblem(error: Error): void
}

export type Outside = {
  /** Resolves when what others had written for the tenant is in the log. */
  settle(tenantId: string): Promise<void>
  stop(): Promise<void>
}

/** Puts what SQL clients write into the log, soon after, and before anybody reads it. */
export function followOutside({ pool, roles, committer, isSigned, tell, onProblem }: Options): Outside {
  let isStopped = false
  let running: Promise<void> = Promise.resolve()
  let timer = setTimeout(begin, everyMs)
  timer.unref()

  function begin(): void {
    running = round()
      .catch((error: unknown) => onProblem(error instanceof Error ? error : new Error(String(error))))
      .then(() => {
        if (isStopped) return
        timer = setTimeout(begin, everyMs)
        timer.unref()
      })
  }

  async function round(): Promise<void> {
    if (!isSigned()) return
    const distinct = { text: `SELECT DISTINCT tenant_id FROM sql_writes LIMIT ${tenantsAtOnce}` }
    const [, found] = await pool.run([setRole(roles, 'transfer'), distinct])
    for (const [tenantId] of found?.rows ?? []) if (!isStopped && tenantId != null) await drain(tenantId)
  }

  async function drain(tenantId: string): Promise<void> {
    for (let isMore = true; isMore; ) {
      const done = await committer.drain(tenantId)
      isMore = done?.isMore === true
      if (done !== null) tell([{ tenantId, stream: tenantId, sequence: done.sequence }])
    }
  }

  return {
    async settle(tenantId) {
      if (isStopped || !isSigned()) return
      const any = { text: 'SELECT 1 FROM sql_writes WHERE tenant_id = $1 LIMIT 1', values: [tenantId] }
      const [, found] = await pool.run([setTenant(tenantId), any])
      if (found?.rows[0] !== undefined) await drain(tenantId)
    },
    async stop() {
      isStopped = true
      clearTimeout(timer)
      await running
    },
  }
}
