type Kind = 'counter' | 'gauge' | 'histogram'
type Unit = 'Count' | 'Milliseconds' | 'Seconds' | 'Bytes'
type Shape = {
  kind: Kind
  help: string
  name: string
  unit: Unit
  dimensions: Readonly<Record<string, string>>
  buckets?: readonly number[]
}

const seconds = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10]
const long = [1, 10, 60, 300, 900, 3_600, 14_400]

/** What the business wants to know (contracts/prework.md section 12): the series of `GET /metrics`, with their names in CloudWatch and the dimension of each label there. */
const shapes = {
  holdfast_team_created_total: { kind: 'counter', help: 'Teams made.', name: 'TeamCreated', unit: 'Count', dimensions: {} },
  holdfast_team_size: {
    kind: 'histogram',
    help: 'Members of a team when it was made.',
    name: 'TeamSize',
    unit: 'Count',
    dimensions: {},
    buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500],
  },
  holdfast_team_assignment_created_total: {
    kind: 'counter',
    help: 'Assignments of work made.',
    name: 'TeamAssignmentCreated',
    unit: 'Count',
    dimensions: { priority: 'Priority' },
  },
  holdfast_user_logins_total: {
    kind: 'counter',
    help: 'Good sign-ins.',
    name: 'UserLogins',
    unit: 'Count',
    dimensions: { role: 'UserRole' },
  },
  holdfast_collaboration_session_duration_seconds: {
    kind: 'histogram',
    help: 'Seconds that somebody was in a document.',
    name: 'CollaborationSessionDuration',
    unit: 'Seconds',
    dimensions: { entity_type: 'EntityType', role: 'UserRole' },
    buckets: long,
  },
  holdfast_database_operation_duration_seconds: {
    kind: 'histogram',
    help: 'Seconds that a commit took, waiting included.',
    name: 'DatabaseOperationDuration',
    unit: 'Seconds',
    dimensions: { operation: 'Operation', status: 'Status' },
    buckets: seconds,
  },
  holdfast_database_operation_errors_total: {
    kind: 'counter',
    help: 'Commits that were refused or failed.',
    name: 'DatabaseOperationErrors',
    unit: 'Count',
    dimensions: { operation: 'Operation', error_type: 'ErrorType' },
  },
  holdfast_sync_propagation_seconds: {
    kind: 'histogram',
    help: 'Seconds from the receipt of an edit, at any door, until it was durable and sent on.',
    name: 'SyncPropagation',
    unit: 'Seconds',
    dimensions: {},
    buckets: seconds,
  },
  holdfast_sync_transform_depth: {
    kind: 'histogram',
    help: 'Edits that an edit was transformed over.',
    name: 'SyncTransformDepth',
    unit: 'Count',
    dimensions: {},
    buckets: [0, 1, 2, 5, 10, 100, 1_000, 10_000],
  },
  holdfast_sync_conflicts_total: {
    kind: 'counter',
    help: 'Conflicts that edits met.',
    name: 'SyncConflicts',
    unit: 'Count',
    dimensions: {},
  },
  holdfast_active_sessions: { kind: 'gauge', help: 'People in documents now.', name: 'ActiveSessions', unit: 'Count', dimensions: {} },
  holdfast_client_operation_duration_seconds: {
    kind: 'histogram',
    help: 'Seconds that clients say an operation took them.',
    name: 'ClientOperationDuration',
    unit: 'Seconds',
    dimensions: { operation: 'Operation', success: 'Success' },
    buckets: seconds,
  },
  holdfast_client_metric: {
    kind: 'gauge',
    help: 'What clients tell: the sum of counts, else the newest value.',
    name: 'ClientMetric',
    unit: 'Count',
    dimensions: { name: 'Name' },
  },
} as const satisfies Record<string, Shape>

export type SeriesName = keyof typeof shapes
export type Labels = Readonly<Record<string, string>>
/** One thing that happened, for who writes it elsewhere too. */
export type Told = { name: string; unit: Unit; dimensions: Labels; tenantId: string; value: number }

type Cell = { tenantId: string; labels: Labels; sum: number; count: number; below: number[] }
const cells = new Map<SeriesName, Map<string, Cell>>()
const listeners = new Set<(told: Told) => void>()

/** Tells of everything that is told from now on. Returns what stops it. */
export function listen(listener: (told: Told) => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** Adds to a counter, notes a value of a histogram, or sets a gauge (`{ add }` moves it). In memory: a restart begins again, as scrapers expect. */
export function tell(series: SeriesName, tenantId: string, labels: Labels = {}, given: number | { add: number } = 1): void {
  const value = typeof given === 'number' ? given : given.add
  const { kind, name, unit, dimensions, buckets = [] }: Shape = shapes[series]
  const family = cells.get(series) ?? new Map<string, Cell>()
  cells.set(series, family)
  const key = JSON.stringify([tenantId, labels])
  const cell = family.get(key) ?? { tenantId, labels, sum: 0, count: 0, below: buckets.map(() => 0) }
  family.set(key, cell)
  cell.sum = kind === 'gauge' && given === value ? value : cell.sum + value
  cell.count += 1
  for (const [at, bound] of buckets.entries()) if (value <= bound) cell.below[at] = (cell.below[at] ?? 0) + 1
  if (listeners.size === 0) return
  const shown = Object.fromEntries(Object.entries(labels).map(([label, text]) => [dimensions[label] ?? label, text]))
  for (const listener of listeners) listener({ name, unit, dimensions: shown, tenantId, value })
}

const escaped = (text: string): string => text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')
const written = (labels: Labels): string =>
  `{${Object.entries(labels)
    .map(([label, text]) => `${label}="${escaped(text)}"`)
    .join(',')}}`

/** The series of these tenants in Prometheus' text form. */
export function seriesText(isMeant: (tenantId: string) => boolean): string {
  return Object.entries(shapes)
    .map(([series, shape]: [string, Shape]) => {
      const lines = [...(cells.get(series as SeriesName)?.values() ?? [])]
        .filter(({ tenantId }) => isMeant(tenantId))
        .flatMap((cell) => cellLines(series, shape, cell))
      return `\n# HELP ${series} ${shape.help}\n# TYPE ${series} ${shape.kind}\n${lines.join('\n')}\n`
    })
    .join('')
}

function cellLines(series: string, { kind, buckets = [] }: Shape, { tenantId, labels, sum, count, below }: Cell): string[] {
  const all = { tenant: tenantId, ...labels }
  if (kind !== 'histogram') return [`${series}${written(all)} ${sum}`]
  return [
    ...buckets.map((bound, at) => `${series}_bucket${written({ ...all, le: String(bound) })} ${below[at] ?? 0}`),
    `${series}_bucket${written({ ...all, le: '+Inf' })} ${count}`,
    `${series}_sum${written(all)} ${sum}`,
    `${series}_count${written(all)} ${count}`,
  ]
}
