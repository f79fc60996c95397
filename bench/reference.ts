import { createHash, generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Worker } from 'node:worker_threads'
import { hash as argon2, verify as argon2Verify } from '@node-rs/argon2'
import Database from 'better-sqlite3'
import fastify from 'fastify'
import { idSource } from '../src/kernel/id.ts'

/**
 * The yardstick: Fastify with a session check (remembered signature verdict, session row), one keyed read, or one row plus one chained log row committed in groups at synchronous=FULL, argon2id.
 * The least that must be done, and nothing else. `process.argv[2]` is its folder, `[3]` the number of rows.
 */
const [folder = '.', count = '1000'] = process.argv.slice(2)
const file = join(folder, 'reference.db')
const writer = new Worker(new URL('./reference-writer.ts', import.meta.url), { workerData: { file } })
const waiting = new Map<string, () => void>()
const ready = new Promise<void>((resolve) => waiting.set('ready', resolve))
writer.on('message', (ids: string[]) => {
  for (const id of ids) {
    waiting.get(id)?.()
    waiting.delete(id)
  }
})
await ready
const ids = idSource()
const write = (kind: 'row' | 'session', id: string, name: string, body: string) =>
  new Promise<void>((resolve) => {
    waiting.set(id, resolve)
    writer.postMessage({ kind, id, name, body })
  })

const db = new Database(file)
db.pragma('journal_mode = WAL')
db.pragma('synchronous = FULL')
const bodyOf = (id: string, name: string) =>
  JSON.stringify({
    id,
    number: 1,
    username: name,
    email: null,
    fullName: 'Some Body',
    role: 'member',
    managerId: null,
    isActive: true,
    createdAt: new Date().toISOString(),
    updatedAt: new Date().toISOString(),
    version: 1,
  })
const existing = db.prepare('SELECT count(*) FROM rows').pluck().get() as number
const fill = db.prepare('INSERT INTO rows VALUES (?, ?, ?)')
db.transaction(() => {
  for (let n = existing; n < Number(count); n++) {
    const id = ids.newId()
    fill.run(id, `user${n}`, bodyOf(id, `user${n}`))
  }
})()
const readRow = db.prepare<unknown[], { body: string }>('SELECT body FROM rows WHERE id = ?')
const readPage = db.prepare<unknown[], { body: string }>('SELECT body FROM rows WHERE id > ? ORDER BY id LIMIT 20')
const readSession = db.prepare<unknown[], { body: string }>('SELECT body FROM sessions WHERE id = ?')

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const password = 'a good long passphrase'
const stored = await argon2(password, { memoryCost: 19_456, timeCost: 2, parallelism: 1 })
const verdicts = new Map<string, string>()
const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

async function openSession(): Promise<string> {
  const id = ids.newId()
  await write('session', id, '', JSON.stringify({ id, userId: id, expiresAt: Date.now() + 600_000 }))
  const signed = `${base64url({ alg: 'EdDSA' })}.${base64url({ sid: id, exp: Date.now() + 600_000 })}`
  return `${signed}.${sign(null, Buffer.from(signed), privateKey).toString('base64url')}`
}

function isSignedIn(header: string | undefined): boolean {
  const token = header?.slice(7) ?? ''
  const digest = createHash('sha256').update(token).digest('base64url')
  let sid = verdicts.get(digest)
  if (sid === undefined) {
    const [head, body, signature = ''] = token.split('.')
    if (!verify(null, Buffer.from(`${head}.${body}`), publicKey, Buffer.from(signature, 'base64url'))) return false
    sid = String((JSON.parse(Buffer.from(body ?? '', 'base64url').toString()) as { sid: string }).sid)
    verdicts.set(digest, sid)
  }
  const session = readSession.get(sid)
  return session !== undefined && (JSON.parse(session.body) as { expiresAt: number }).expiresAt > Date.now()
}

let active = 0
const queue: (() => void)[] = []
async function hashing<T>(work: () => Promise<T>): Promise<T> {
  if (active >= 2) await new Promise<void>((resolve) => queue.push(resolve))
  active += 1
  try {
    return await work()
  } finally {
    active -= 1
    queue.shift()?.()
  }
}

const loop = monitorEventLoopDelay({ resolution: 1 })
const app = fastify()
const json = 'application/json; charset=utf-8'
app.post('/v1/sessions', async (request, reply) => {
  const { password: given } = request.body as { password: string }
  const good = await hashing(() => argon2Verify(stored, given))
  return reply.code(good ? 201 : 401).send({ accessToken: good ? await openSession() : '' })
})
app.addHook('preHandler', async (request, reply) => {
  if (request.method === 'POST' && request.url === '/v1/sessions') return
  if (!isSignedIn(request.headers.authorization)) return reply.code(401).send({})
})
app.get('/v1/users/:id', async (request, reply) =>
  reply.header('content-type', json).send(readRow.get((request.params as { id: string }).id)?.body ?? '{}'),
)
app.get('/v1/users', async (request, reply) => {
  const { cursor = '' } = request.query as { cursor?: string }
  return reply.header('content-type', json).send(
    `{"items":[${readPage
      .all(cursor)
      .map(({ body }) => body)
      .join(',')}]}`,
  )
})
app.post('/v1/users', async (request, reply) => {
  const { username } = request.body as { username: string }
  const id = ids.newId()
  const body = bodyOf(id, username)
  await write('row', id, username, body)
  return reply.code(201).header('content-type', json).send(body)
})
process.on('message', (text) => {
  if (text === 'loop reset') {
    loop.enable()
    loop.reset()
  }
  if (text === 'loop') process.send?.({ loopP99Ms: loop.percentile(99) / 1e6 })
})
const address = await app.listen({ host: '127.0.0.1', port: 0 })
const sample = db.prepare('SELECT id FROM rows ORDER BY random() LIMIT 500').pluck().all() as string[]
process.send?.({ address, token: await openSession(), ids: sample, nonce: randomBytes(4).toString('hex') })
