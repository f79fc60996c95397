import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import type { Config } from './config.ts'
import { create, insert } from './kernel/change.ts'
import { toTime } from './kernel/clock.ts'
import { type Origin, system } from './kernel/context.ts'
import type { Logger } from './kernel/services.ts'
import { openHoldfast } from './main.ts'
import type { MasterKeys } from './master-key.ts'
import { recoverAside } from './recovery.ts'
import { authenticate } from './session/authenticate.ts'
import { Session } from './session/entity.ts'
import { everyTenantId } from './tenant/every.ts'
import { Credential, User } from './user/entity.ts'

/** What a drill found: the whole instance was rebuilt from its backups, a server's storage opened on it, and a person was signed in there. */
export type Drilled = {
  ok: boolean
  target: string
  snapshot: string | null
  rows: number
  entries: number
  seconds: number
  problems: string[]
}

type Job = { holdfastDrill: true; config: Config; masterKeys: MasterKeys }
type Told = { drilled: Drilled } | { failed: string }

/** Rehearses the loss of everything, in a thread and a folder of its own that is gone afterwards. Nothing of it leaves, nothing of the instance is touched. */
export function runDrill(config: Config, masterKeys: MasterKeys): Promise<Drilled> {
  const job: Job = { holdfastDrill: true, config, masterKeys }
  const worker = new Worker(new URL(import.meta.url), { workerData: job })
  return new Promise((resolve, reject) => {
    worker.on('message', (told: Told) => ('drilled' in told ? resolve(told.drilled) : reject(new Error(told.failed))))
    worker.on('error', reject)
    worker.on('exit', () => reject(new Error('The drill ended without a result')))
  })
}

const quiet: Logger = { info() {}, warn() {}, error() {} }

function rehearse({ config, masterKeys }: Job): Promise<Drilled> {
  const targets = config.backup?.targets ?? []
  const side = { config, masterKeys, log: quiet, targets }
  return recoverAside(config.dataFolder, side, async (folder, { target, snapshot, rows, entries, seconds, skipped }) => {
    const { current, former } = masterKeys
    const keys = { masterKey: current, formerKeys: former, keyWrapping: null }
    const there: Config = { ...config, ...keys, dataFolder: folder, storage: { engine: 'sqlite' }, backup: null }
    const holdfast = await openHoldfast(there, quiet)
    const problems = skipped.map(({ id, detail }) => `Snapshot ${id} is damaged: ${detail}`)
    try {
      if (holdfast.firstOwner !== null) problems.push('There is no tenant in it.')
      else if (holdfast.health.state() !== 'healthy') problems.push('The rows are not what the log says.')
      const problem = await signInSomebody(holdfast)
      if (problem !== null) problems.push(problem)
    } finally {
      await holdfast.close()
    }
    return { ok: problems.length === 0, target, snapshot, rows, entries, seconds, problems }
  })
}

type Open = Awaited<ReturnType<typeof openHoldfast>>

/** Signs in the first person who can, with a session made for this once in the scratch, as a request would use it. Resolves to what is wrong, or null. */
async function signInSomebody({ runtime, keys }: Open): Promise<string | null> {
  for await (const tenantId of everyTenantId(runtime)) {
    const store = runtime.storage.tenant(tenantId)
    const { items } = await store.list(User, { limit: 200 })
    for (const user of items.filter(({ isActive }) => isActive)) {
      const credential = await store.get(Credential, user.id)
      if (credential === null) continue
      const nowMs = runtime.clock.realMs()
      const now = toTime(nowMs)
      const fields = {
        userId: user.id,
        epoch: credential.sessionEpoch,
        surface: 'v1',
        accessSeconds: 60,
        lastSeenAt: now,
        expiresAt: toTime(nowMs + 60_000),
        userAgent: null,
        network: null,
      }
      const session = create(Session, runtime.ids.newId(), fields, now)
      const { kind, id, name } = system
      await store.commit([insert(Session, session)], {
        actor: { kind, id, name },
        action: 'session.create',
        entity: null,
        requestId: origin.requestId,
        time: now,
      })
      const token = keys.issue({ sub: user.id, sid: session.id, tid: tenantId, jti: session.id }, Math.floor(nowMs / 1000), 60)
      const { principal } = await authenticate(runtime, keys, { bearer: token })
      return principal.id === user.id ? null : 'A person who signed in is somebody else.'
    }
  }
  return 'Nobody in it can sign in.'
}

const origin: Pick<Origin, 'requestId'> = { requestId: 'drill' }

async function work(job: Job): Promise<void> {
  const tell = (told: Told): void => parentPort?.postMessage(told)
  try {
    const { current, former } = job.masterKeys
    const masterKeys = { current: Buffer.from(current), former: former.map((key) => Buffer.from(key)) }
    tell({ drilled: await rehearse({ ...job, masterKeys }) })
  } catch (error) {
    tell({ failed: error instanceof Error ? error.message : String(error) })
  }
}

if (!isMainThread && (workerData as Partial<Job> | null)?.holdfastDrill === true) void work(workerData as Job)
