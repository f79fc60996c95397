import { type ChildProcess, fork, spawn } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import { readConfig } from '../src/config.ts'
import { openHoldfast } from '../src/main.ts'
import { Tenant } from '../src/tenant/entity.ts'
import { User } from '../src/user/entity.ts'
import { userRows } from '../src/user/plan.ts'

export const password = 'a good long passphrase'
const root = resolve(import.meta.dirname, '..')
const threads = { UV_THREADPOOL_SIZE: String(availableParallelism()) }

export type Server = {
  url: string
  pid: number
  token: string
  ids: string[] /** Users `user0` … that can sign in. */
  users: number
  startMs: number
  /** Resident memory a few seconds after the start, before the first request. */
  idleMib: number
  stop(): Promise<void>
  loop(): Promise<number>
}

const quiet = { info: () => {}, warn: () => {}, error: () => {} }

export async function startReference(folder: string, rows: number): Promise<Server> {
  mkdirSync(folder, { recursive: true })
  const started = performance.now()
  const child = fork(join(root, 'bench/reference.ts'), [folder, String(rows)], {
    env: { ...process.env, ...threads },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const hello = await message<{ address: string; token: string; ids: string[] }>(child)
  child.send('loop reset')
  return {
    url: hello.address,
    pid: child.pid ?? 0,
    token: hello.token,
    ids: hello.ids,
    users: rows,
    startMs: performance.now() - started,
    idleMib: residentMib(child.pid ?? 0),
    async loop() {
      const answer = message<{ loopP99Ms: number }>(child)
      child.send('loop')
      const { loopP99Ms } = await answer
      child.send('loop reset')
      return loopP99Ms
    },
    stop: () => stopped(child),
  }
}

const message = <T>(child: ChildProcess): Promise<T> =>
  new Promise((done, fail) => {
    child.once('message', (text) => done(text as T))
    child.once('exit', (code) => fail(new Error(`the server ended with ${code}`)))
  })

const environmentOf = (folder: string, port: number) => ({
  ...process.env,
  ...threads,
  HOLDFAST_DATA: folder,
  HOLDFAST_PORT: String(port),
  HOLDFAST_OWNER_PASSWORD: password,
  HOLDFAST_TENANT: 'Bench',
  HOLDFAST_RATE_LIMIT: 'off',
  HOLDFAST_LOG_LEVEL: 'warn',
})

/** A data folder with the owner and this many users, all with the same argon2id hash, made through the commit like any other write. */
export async function fillFolder(folder: string, users: number): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const holdfast = await openHoldfast(readConfig(environmentOf(folder, 0)), quiet)
  const { runtime } = holdfast
  const { items } = await runtime.storage.platform().listAll(Tenant, 'byId', { limit: 1 })
  const store = runtime.storage.tenant(items[0]?.tenantId ?? '')
  const passwordHash = await runtime.services.hasher.hash(password)
  const now = new Date().toISOString()
  const meta = {
    actor: { id: null, kind: 'system', name: 'bench' },
    action: 'user.import',
    entity: null,
    requestId: null,
    time: now,
  } as const
  for (let start = (await store.count(User, {})) - 1; start < users; start += 250) {
    const size = Math.min(250, users - start)
    const first = await store.next('user', size)
    const changes = Array.from({ length: size }, (_, index) => {
      const fields = {
        number: first + index,
        username: `user${start + index}`,
        email: null,
        fullName: 'Some Body',
        role: 'member',
        managerId: null,
        isActive: true,
        legacyId: null,
      } as const
      return userRows({ newId: runtime.ids.newId, now }, { ...fields, createdAt: now, passwordHash, mustChangePassword: false }).changes
    })
    await store.commit(changes.flat(), meta)
  }
  await holdfast.close()
}

export async function startHoldfast(folder: string, port: number, users: number): Promise<Server> {
  const started = performance.now()
  const child = spawn(join(root, 'bin/holdfast'), ['serve'], { env: environmentOf(folder, port), stdio: ['ignore', 'ignore', 'inherit'] })
  const url = `http://127.0.0.1:${port}`
  for (;;) {
    const isUp = await fetch(`${url}/v1/sessions`).then(
      (response) => response.status === 401,
      () => false,
    )
    if (isUp) break
    if (child.exitCode !== null) throw new Error(`holdfast ended with ${child.exitCode}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  const startMs = performance.now() - started
  await new Promise((resolve) => setTimeout(resolve, 3000))
  const idleMib = residentMib(child.pid ?? 0)
  const session = (await post(`${url}/v1/sessions`, { login: 'owner', password })) as { accessToken: string }
  const ids: string[] = []
  for (let cursor = ''; ids.length < Math.min(users, 1000); ) {
    const page = (await get(`${url}/v1/users?limit=200${cursor}`, session.accessToken)) as {
      items: { id: string }[]
      nextCursor: string | null
    }
    ids.push(...page.items.map(({ id }) => id))
    if (page.nextCursor === null) break
    cursor = `&cursor=${page.nextCursor}`
  }
  return {
    url,
    pid: child.pid ?? 0,
    token: session.accessToken,
    ids,
    users,
    startMs,
    idleMib,
    loop: () => loopDelay(url, session.accessToken),
    stop: () => stopped(child),
  }
}

/** prom-client looks every 10 ms, and what it tells includes that wait. */
const samplingMs = 10

async function loopDelay(url: string, token: string): Promise<number> {
  const response = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${token}` } })
  const seconds = /^nodejs_eventloop_lag_p99_seconds(?:\{[^}]*\})? (\S+)/m.exec(await response.text())?.[1]
  return Math.max(0, Number(seconds) * 1000 - samplingMs)
}

export async function metric(server: Server, name: string): Promise<number> {
  const response = await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${server.token}` } })
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)`, 'm').exec(await response.text())?.[1])
}

const post = (url: string, body: object): Promise<unknown> =>
  fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }).then((response) =>
    response.json(),
  )
export const get = (url: string, token: string): Promise<unknown> =>
  fetch(url, { headers: { authorization: `Bearer ${token}` } }).then((response) => response.json())

const stopped = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.kill('SIGTERM')
  })

/** Resident memory in MiB, as the kernel counts it (proc(5)). */
export const residentMib = (pid: number): number => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
