import type { Answered } from '../http/parts.ts'
import { Session } from '../session/entity.ts'
import type { Committed } from '../storage/timed.ts'
import { Tenant } from '../tenant/entity.ts'
import { User } from '../user/entity.ts'

type BusinessMetrics = {
  /** Counts a durable commit that took so many seconds. */
  committed(seconds: number, commit: Committed): void
  /** Counts an answered request. */
  answered(request: Pick<Answered, 'status' | 'code' | 'principal'>): void
  /** What was counted since the last call, as lines in CloudWatch's embedded metric format, one a tenant; none when nothing was. */
  take(): string[]
}

const units = {
  Requests: 'Count',
  Refusals: 'Count',
  Failures: 'Count',
  Throttled: 'Count',
  SignIns: 'Count',
  SignInFailures: 'Count',
  UsersCreated: 'Count',
  TenantsCreated: 'Count',
  Commits: 'Count',
  CommitLatency: 'Milliseconds',
} as const

type Name = keyof typeof units
type Counts = Partial<Record<Name, number | number[]>>

/** CloudWatch takes at most 100 values of one metric in one line. */
const mostValues = 100

/**
 * What the business wants to know, for CloudWatch: it reads the lines out of the function's log and makes metrics of them, without a call of ours. The function is their only dimension, because
 * each combination of dimensions is a metric to be paid for; the tenant's id stands beside them, for Logs Insights. No name, login or address is in them.
 */
export function createBusinessMetrics({ functionName, nowMs }: { functionName: string; nowMs(): number }): BusinessMetrics {
  const counted = new Map<string | null, Counts>()

  function count(tenantId: string | null, name: Name, by = 1): void {
    if (by === 0) return
    const counts = counted.get(tenantId) ?? {}
    counted.set(tenantId, { ...counts, [name]: ((counts[name] as number | undefined) ?? 0) + by })
  }

  function measure(tenantId: string, name: Name, value: number): void {
    const counts = counted.get(tenantId) ?? {}
    counted.set(tenantId, { ...counts, [name]: [...((counts[name] as number[] | undefined) ?? []), value].slice(-mostValues) })
  }

  return {
    committed(seconds, { tenantId, changes }) {
      const inserted = (type: { name: string }) => changes.filter(({ op, entity }) => op === 'insert' && entity.name === type.name).length
      count(tenantId, 'Commits')
      measure(tenantId, 'CommitLatency', Math.round(seconds * 1e5) / 100)
      count(tenantId, 'SignIns', inserted(Session))
      count(tenantId, 'UsersCreated', inserted(User))
      count(tenantId, 'TenantsCreated', inserted(Tenant))
    },
    answered({ status, code, principal }) {
      const tenantId = principal.kind === 'anonymous' ? null : principal.tenantId
      count(tenantId, 'Requests')
      if (status >= 500) count(tenantId, 'Failures')
      else if (status >= 400) count(tenantId, 'Refusals')
      if (status === 429) count(tenantId, 'Throttled')
      if (code === 'invalid_credentials') count(tenantId, 'SignInFailures')
    },
    take() {
      const lines = [...counted].map(([tenant, counts]) => {
        const Metrics = Object.keys(counts).map((Name) => ({ Name, Unit: units[Name as Name] }))
        const CloudWatchMetrics = [{ Namespace: 'Holdfast', Dimensions: [['FunctionName']], Metrics }]
        const _aws = { Timestamp: nowMs(), CloudWatchMetrics }
        return JSON.stringify({ _aws, FunctionName: functionName, ...(tenant === null ? {} : { tenant }), ...counts })
      })
      counted.clear()
      return lines
    },
  }
}
