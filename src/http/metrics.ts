import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { z } from 'zod'
import { jobStats } from '../job/stats.ts'
import { operation } from '../kernel/operation.ts'
import { seriesText } from '../metrics/series.ts'
import { Session } from '../session/entity.ts'
import type { HasherStats } from '../session/hasher.ts'
import type { EngineStats } from '../storage/port.ts'
import { type Stream, streamsOf } from '../tenant/streams.ts'
import { type WebhookStats, webhookStats } from '../webhook/stats.ts'
import type { Health } from './health.ts'
import type { Answered } from './parts.ts'

export const metricsType = Registry.PROMETHEUS_CONTENT_TYPE

export type MetricsSources = {
  version: string
  engine: string
  storage(): EngineStats
  hasher(): HasherStats
  health: Pick<Health, 'state' | 'isPreserved'>
  /** What the shipping of backups says of itself; null while there are none. Times in seconds. */
  backups(): { lag: number; lastProven: number } | null
}

export type Metrics = {
  /** Counts an answered request. One that the client left, as it leaves an event stream, has no duration that says anything. */
  answered(request: Pick<Answered, 'method' | 'path' | 'status' | 'seconds' | 'isAborted'>): void
  /** Counts a commit that became durable. */
  committed(seconds: number): void
  /** Every series of the process, in Prometheus' text form. */
  text(): Promise<string>
}

const requestBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const commitBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]

/** The process's series, in a registry of their own. None carries a tenant's name or id: those are `tenantSeries`. */
export function createMetrics(sources: MetricsSources): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  observed(registers, sources)
  const requests = new Counter({
    name: 'holdfast_http_requests_total',
    help: 'Requests answered, by method, route and status.',
    labelNames: ['method', 'route', 'status'],
    registers,
  })
  const durations = new Histogram({
    name: 'holdfast_http_request_seconds',
    help: 'Seconds from the first byte of a request to the last of its answer, by method and route.',
    labelNames: ['method', 'route'],
    buckets: requestBuckets,
    registers,
  })
  const commits = new Counter({ name: 'holdfast_commits_total', help: 'Commits that became durable.', registers })
  const commitSeconds = new Histogram({
    name: 'holdfast_commit_seconds',
    help: 'Seconds that a commit took until it was durable, waiting included.',
    buckets: commitBuckets,
    registers,
  })
  return {
    answered({ method, path, status, seconds, isAborted }) {
      requests.inc({ method, route: path, status })
      if (!isAborted) durations.observe({ method, route: path }, seconds)
    },
    committed(seconds) {
      commits.inc()
      commitSeconds.observe(seconds)
    },
    // prom-client spells it Nan
    text: async () => `${(await registry.metrics()).replace(/ Nan$/gm, ' NaN')}${fsyncText(sources.storage())}`,
  }
}

/** A summary without quantiles, added up by the engine's own thread: prom-client's would have to observe each one. */
const fsyncText = ({ fsyncTime }: EngineStats): string =>
  fsyncTime === undefined
    ? ''
    : `\n# HELP holdfast_fsync_seconds Seconds that forcing a group of commits to the disk took.\n# TYPE holdfast_fsync_seconds summary\nholdfast_fsync_seconds_sum ${fsyncTime.seconds}\nholdfast_fsync_seconds_count ${fsyncTime.count}\n`

/** Series that are read when they are asked for. */
function observed(registers: Registry[], { version, engine, storage, hasher, health, backups }: MetricsSources): void {
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read())
      },
    })
  const counter = (name: string, help: string, read: () => number) =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(read())
      },
    })
  new Gauge({ name: 'holdfast_info', help: 'Always 1; says what runs.', labelNames: ['version', 'engine'], registers }).set(
    { version, engine },
    1,
  )
  gauge('holdfast_storage_suspect', '1 while the stored data failed a check or the engine has failed, else 0.', () =>
    Number(health.state() === 'suspect'),
  )
  gauge('holdfast_preserve_ok', '0 while the people of a tenant could not be kept in files beside the database, else 1.', () =>
    Number(health.isPreserved()),
  )
  counter(
    'holdfast_commit_conflicts_total',
    'Commits refused because a guard missed; most were run again at once.',
    () => storage().conflicts,
  )
  counter(
    'holdfast_commit_groups_total',
    'Groups of commits that shared one fsync; commits / groups is the mean size.',
    () => storage().groups,
  )
  gauge('holdfast_commit_group_largest', 'Commits in the largest group so far.', () => storage().largestGroup)
  counter('holdfast_fsyncs_total', 'Times the storage was forced to the disk.', () => storage().fsyncs)
  counter('holdfast_jobs_done_total', 'Background jobs of this process that ended well.', () => jobStats().done)
  counter('holdfast_job_failures_total', 'Attempts at a background job that failed; most are made again.', () => jobStats().failed)
  counter('holdfast_jobs_dead_total', 'Background jobs that were given up.', () => jobStats().dead)
  gauge('holdfast_jobs_running', 'Background jobs that this process runs now.', () => jobStats().running)
  const webhooks = (): WebhookStats => webhookStats(Date.now())
  counter('holdfast_webhook_deliveries_total', 'Messages that receivers of webhooks took.', () => webhooks().delivered)
  counter('holdfast_webhook_failures_total', 'Attempts at a message that failed; most are made again.', () => webhooks().failed)
  counter('holdfast_webhook_dead_letters_total', 'Messages that were given up.', () => webhooks().givenUp)
  gauge(
    'holdfast_webhook_lag_seconds',
    'Age of the oldest entry that a webhook of this process is trying to deliver; 0 when all have caught up.',
    () => webhooks().lagSeconds,
  )
  gauge('holdfast_hashes_active', 'Password hashes at work.', () => hasher().active)
  gauge('holdfast_hashes_queued', 'Password hashes waiting for a free core.', () => hasher().queued)
  counter('holdfast_hashes_refused_total', 'Password hashes turned away (503) because the queue was full.', () => hasher().refused)
  new Counter({
    name: 'holdfast_password_checks_total',
    help: 'Passwords checked, by the form that was stored and the outcome.',
    labelNames: ['scheme', 'outcome'],
    registers,
    collect() {
      this.reset()
      for (const [scheme, counts] of Object.entries(hasher().outcomes))
        for (const [outcome, count] of Object.entries(counts)) this.inc({ scheme, outcome }, count)
    },
  })
  gauge(
    'holdfast_backup_lag_seconds',
    'Age of the oldest commit that no backup target has yet; NaN while nothing is shipped to any target.',
    () => backups()?.lag ?? Number.NaN,
  )
  gauge(
    'holdfast_backup_last_proven_timestamp_seconds',
    'Unix time at which the newest proven backup was proven; 0 = there is none.',
    () => backups()?.lastProven ?? 0,
  )
}

/**
 * `GET /metrics`: the process's series and those of the tenants in reach, which for staff of the platform are all. A tenant's reader learns of no other tenant, not even that it exists.
 */
export const readMetrics = (metrics: Metrics) =>
  operation({
    name: 'metrics.read',
    summary: 'Metrics for Prometheus',
    needs: 'metrics:read',
    readOnly: true,
    input: z.strictObject({}),
    output: z.string(),
    async run(context) {
      const met = new Set<string>()
      const lines = { sequence: [] as string[], sessions: [] as string[] }
      for await (const stream of streamsOf(context, true)) {
        if (stream.stream !== stream.tenantId) continue
        met.add(stream.tenantId)
        const label = `{tenant="${stream.tenantId}"}`
        lines.sequence.push(`holdfast_log_sequence${label} ${stream.head?.sequence ?? 0}`)
        lines.sessions.push(`holdfast_sessions${label} ${await liveSessions(stream, context.realMs)}`)
      }
      const families = [
        family('holdfast_log_sequence', "Sequence of the newest entry in the tenant's log.", lines.sequence),
        family('holdfast_sessions', "The tenant's sessions that have not expired.", lines.sessions),
      ]
      return { output: `${await metrics.text()}${families.join('')}${seriesText((tenantId) => met.has(tenantId))}` }
    },
  })

const liveSessions = ({ store }: Stream, nowMs: number): Promise<number> =>
  store.count(Session, { index: 'byExpiry', filter: [{ field: 'expiresAt', op: 'gt', value: new Date(nowMs).toISOString() }] })

const family = (name: string, help: string, lines: readonly string[]): string =>
  `\n# HELP ${name} ${help}\n# TYPE ${name} gauge\n${lines.join('\n')}\n`
