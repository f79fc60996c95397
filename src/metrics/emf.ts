import { type Labels, listen, type Told } from './series.ts'

const flushMs = 2_000
/** CloudWatch takes at most 100 values of one metric in one line. */
const mostValues = 100
const namespace = 'PreWork/Enterprise'

type Pending = { told: Told; dimensions: Labels; values: number[] }

/**
 * Writes what is told as lines in CloudWatch's embedded metric format, at most two seconds later: one line a metric, tenant and set of dimensions. `write` gets whole lines. Returns what writes
 * the rest and stops it.
 */
export function writeEmf(write: (line: string) => void, nowMs: () => number): () => void {
  const pending = new Map<string, Pending>()
  function flush(key: string, { told, dimensions, values }: Pending): void {
    pending.delete(key)
    const CloudWatchMetrics = [
      { Namespace: namespace, Dimensions: [Object.keys(dimensions)], Metrics: [{ Name: told.name, Unit: told.unit }] },
    ]
    const body: Record<string, unknown> = { ...dimensions, [told.name]: values.length === 1 ? values[0] : values }
    write(`${JSON.stringify({ _aws: { Timestamp: nowMs(), CloudWatchMetrics }, ...body })}\n`)
  }
  const flushAll = () => {
    for (const [key, one] of pending) flush(key, one)
  }
  const stop = listen((told) => {
    const dimensions = { OrganizationId: told.tenantId, ...told.dimensions }
    const key = JSON.stringify([told.name, dimensions])
    const one = pending.get(key) ?? ({ told, dimensions, values: [] } satisfies Pending as Pending)
    pending.set(key, one)
    one.values.push(told.value)
    if (one.values.length === mostValues) flush(key, one)
  })
  const timer = setInterval(flushAll, flushMs)
  timer.unref()
  return () => {
    stop()
    clearInterval(timer)
    flushAll()
  }
}
