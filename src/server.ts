import type { FastifyInstance } from 'fastify'
import type { Config } from './config.ts'
import { entities } from './entities.ts'
import { doorSurface } from './http/door.ts'
import { logRequest } from './http/log.ts'
import { describeApi } from './http/openapi.ts'
import type { OpenApi } from './http/openapi-types.ts'
import type { Answered } from './http/parts.ts'
import type { Surface } from './http/route.ts'
import { createServer } from './http/server.ts'
import { addSocket } from './live/socket.ts'
import { type Holdfast, version } from './main.ts'
import { picturesOf } from './storage-config.ts'
import { surfaces } from './surfaces.ts'

type ServerOptions = {
  /** Hears of every answered request. */
  observe?(request: Answered): void
  /** False where no answer can stay open: event streams and WebSockets are 501. */
  streams?: boolean
}

/** The HTTP server over an open store, not yet listening. */
export async function buildServer(
  config: Config,
  holdfast: Holdfast,
  { observe, streams = true }: ServerOptions = {},
): Promise<FastifyInstance> {
  const { runtime, keys, health, metrics } = holdfast
  const { corsOrigins, trustProxy, requestsPerMinute } = config
  const settings = { corsOrigins, trustProxy, requestsPerMinute, streams, pictures: picturesOf(config.objects) }
  const app = await createServer({
    runtime,
    keys,
    surfaces: surfacesOf(config, holdfast),
    settings,
    unready: health.unready,
    answered(request) {
      metrics.answered(request)
      logRequest(runtime.services.log, request)
      observe?.(request)
    },
  })
  app.addHook('preClose', async () => health.stopping())
  if (streams) addSocket(app, { runtime, settings, unready: health.unready })
  if (config.fsm.openSetup)
    runtime.services.log.warn(
      {},
      'HOLDFAST_FSM_OPEN_SETUP is on: anyone may create a tenant at POST /fsm/tenant. Switch it off when set-up is done.',
    )
  return app
}

/** The surfaces that the settings ask for, and the door's own. */
function surfacesOf(config: Config, holdfast: Pick<Holdfast, 'health' | 'metrics'>): readonly Surface[] {
  const served = surfaces.filter(({ name }) => config.surfaces === null || config.surfaces.some((wanted) => wanted === name))
  let text: string | null = null
  const all: readonly Surface[] = [
    ...served,
    doorSurface({ version, ...holdfast, description: () => (text ??= JSON.stringify(describeSurfaces(all))) }),
  ]
  return all
}

/** The API description of these surfaces. */
export const describeSurfaces = (described: readonly Surface[]): OpenApi =>
  describeApi({
    version,
    surfaces: described,
    named: Object.fromEntries(entities.map(({ name, public: shown }) => [nameOf(name), shown])),
  })

/** `api_key` → `ApiKey`. */
const nameOf = (entity: string): string => entity.replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase())

/** The API description of a server with these settings. */
export const describeServer = (config: Config, holdfast: Holdfast): OpenApi => describeSurfaces(surfacesOf(config, holdfast))
