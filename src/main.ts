import { createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import type { Config } from './config.ts'
import { entities } from './entities.ts'
import { createServer } from './http/server.ts'
import { createClock } from './kernel/clock.ts'
import type { Runtime } from './kernel/context.ts'
import { AppError } from './kernel/errors.ts'
import { createHub } from './kernel/hub.ts'
import { idSource } from './kernel/id.ts'
import { createSealer } from './kernel/seal.ts'
import type { Logger } from './kernel/services.ts'
import { loadMasterKey } from './master-key.ts'
import { ensureFirstTenant, type FirstOwner } from './session/first-start.ts'
import { createHasher, type Hasher } from './session/hasher.ts'
import { type KeyRing, openKeyRing } from './session/key-ring.ts'
import { sqlite } from './storage/sqlite/engine.ts'
import { surfaces } from './surfaces.ts'

/** The storage with everything that operations need: what the CLI opens when no server runs, and what a server is built on. */
export type Holdfast = { runtime: Runtime; keys: KeyRing; hasher: Hasher; firstOwner: FirstOwner | null; close(): Promise<void> }

export const version = String(
  (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: unknown }).version,
)

/** Opens the data folder. Errors: `folder_in_use`, `wrong_key`, `missing_key`, `storage_damaged` and the other refusals of the engine. */
export async function openHoldfast(config: Config, log: Logger): Promise<Holdfast> {
  const clock = createClock(config.testClockMs)
  const ids = idSource()
  const masterKey = loadMasterKey(config.dataFolder, config.masterKey)
  const storage = sqlite({ folder: config.dataFolder, entities, onProblem: (problem) => log.error({ err: problem }, 'storage problem') })
  await storage.open()
  try {
    const sealer = createSealer(masterKey)
    const keys = await openKeyRing({ storage, sealer, clock, ids })
    const hasher = createHasher(config.hash)
    const macKey = Buffer.from(hkdfSync('sha256', masterKey, '', 'holdfast known devices', 32))
    const { accessTokenSeconds, vantagepointTenant, docsUrl, docsToken } = config
    const hub = createHub(storage)
    const runtime: Runtime = {
      storage,
      hub,
      clock,
      ids,
      random: randomBytes,
      services: {
        hasher,
        sealer,
        tokens: keys,
        keys,
        entities,
        log,
        mac: (text) => createHmac('sha256', macKey).update(text).digest('base64url'),
        settings: { version, accessTokenSeconds, vantagepointTenant, docsUrl, docsToken },
      },
    }
    const firstOwner = await ensureFirstTenant(runtime, {
      tenant: config.firstTenant,
      username: config.ownerUsername,
      password: config.ownerPassword,
    })
    return { runtime, keys, hasher, firstOwner, close: () => storage.close() }
  } catch (error) {
    await storage.close()
    throw error
  }
}

/** The HTTP server over an open store, not yet listening. */
export function buildServer(config: Config, { runtime, keys }: Holdfast): Promise<FastifyInstance> {
  const { corsOrigins, trustProxy, requestsPerMinute } = config
  const served = surfaces.filter(({ name }) => config.surfaces === null || config.surfaces.includes(name))
  if (served.length === 0)
    throw new AppError(
      'invalid',
      'bad_setting',
      `HOLDFAST_SURFACES names no surface; known are ${surfaces.map(({ name }) => name).join(', ')}.`,
    )
  return createServer({ runtime, keys, surfaces: served, settings: { corsOrigins, trustProxy, requestsPerMinute }, unready: () => null })
}
