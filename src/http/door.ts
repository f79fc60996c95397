import { z } from 'zod'
import { operation } from '../kernel/operation.ts'
import type { Health } from './health.ts'
import { type Metrics, metricsType, readMetrics } from './metrics.ts'
import { route, type Surface } from './route.ts'

export type DoorParts = {
  version: string
  health: Health
  metrics: Metrics /** The API description as JSON text. */
  description(): string
}

/** Probes and scrapers add what they like to the address. */
const nothing = () => ({})

/** What the server says of itself, whatever surfaces it serves: health, metrics, the API description. */
export function doorSurface({ version, health, metrics, description }: DoorParts): Surface {
  const getHealth = operation({
    name: 'health.get',
    summary: 'Whether the server is ready and its storage sound',
    needs: 'public',
    readOnly: true,
    input: z.strictObject({}),
    output: z.object({ status: z.literal('healthy'), version: z.string(), preserve: z.literal('failed').optional() }),
    async run() {
      const problem = health.problem()
      if (problem !== null) throw problem
      const preserve = health.isPreserved() ? {} : { preserve: 'failed' as const }
      return { output: { status: 'healthy' as const, version, ...preserve } }
    },
  })
  const describeApi = operation({
    name: 'api.describe',
    summary: 'This description (OpenAPI 3.1)',
    needs: 'public',
    readOnly: true,
    input: z.strictObject({}),
    output: z.string(),
    run: async () => ({ output: description() }),
  })
  return {
    name: 'door',
    prefix: '/',
    bodyLimit: 1024 * 1024,
    emptyBody: 'undefined',
    anyMediaType: false,
    wrongMethod: 405,
    problem: (error) => ({ status: error.status, detail: error.message }),
    routes: [
      route('GET', '/health', getHealth, {
        evenUnready: true,
        input: nothing,
        problems: { 503: ['starting', 'stopping', 'storage_suspect'] },
      }),
      route('GET', '/metrics', readMetrics(metrics), {
        input: nothing,
        reply: (text) => ({ body: text, headers: { 'Content-Type': metricsType } }),
        responseType: 'text/plain',
      }),
      route('GET', '/openapi.json', describeApi, {
        evenUnready: true,
        input: nothing,
        reply: (text) => ({ body: text }),
        responseSchema: z.looseObject({ openapi: z.string(), info: z.looseObject({ title: z.string(), version: z.string() }) }),
      }),
    ],
  }
}
