import { randomUUID } from 'node:crypto'
import { apply, type Op } from '../../src/document/json1.ts'
import { canonical, type Json, sha256 } from '../../src/kernel/canonical.ts'
import type { Database } from '../databases.ts'
import { plainFolder } from '../disks.ts'
import { type Editor, postingEditor, socketEditor, type World } from '../document-editors.ts'
import { randomEdit } from '../document-edits.ts'
import { type Random, sleep } from '../random.ts'
import { countStart, type Outcome } from '../report.ts'
import { ownerPassword, type Server, startServer } from '../server-process.ts'

type Size = { cycles: number; random: Random; isShort: boolean; plant: string | null }

const editors = 8

/**
 * Eight people in one document, half over sockets and half over REST, with pauses and lost connections, while the server is killed and started again. At the end all of them, the server and the replayed history
 * hold the same, and every acknowledged operation is there once.
 */
export async function runDocuments(outcome: Outcome, { cycles, random, isShort, plant }: Size, database: Database): Promise<void> {
  const { folder, close } = plainFolder()
  const store = await database.fresh()
  const start = async (): Promise<Server> => {
    const server = await startServer({ folder, environment: store.environment, plant })
    countStart(outcome, server.readyMs)
    return server
  }
  let server = await start()
  const world: World = { base: () => server.base, token: '', id: '', isOver: false }
  try {
    world.token = await signIn(world)
    world.id = await createDocument(world)
    const each = isShort ? 25 : 250
    const everyone: Editor[] = await Promise.all(
      Array.from({ length: editors }, (_, n) => (n % 2 === 0 ? socketEditor(world, random) : postingEditor(world, random))),
    )
    const acknowledged = new Set<string>()
    let done = 0
    const work = Promise.all(
      everyone.map(async (editor) => {
        for (let n = 0; n < each; n += 1) {
          acknowledged.add(await editor.edit(randomEdit(editor.document(), random, randomUUID)))
          done += 1
          if (random.chance(0.02)) editor.cut()
          await sleep(random.between(0, 8))
        }
      }),
    )
    let isEnded = false
    const ended = work.finally(() => {
      isEnded = true
    })
    for (let kill = 1; kill <= cycles; kill += 1) {
      while (!isEnded && done < (editors * each * kill) / (cycles + 1)) await sleep(5)
      await server.kill()
      outcome.cycles += 1
      server = await start()
    }
    await ended
    outcome.acknowledged += acknowledged.size
    await compare(outcome, world, everyone, acknowledged)
  } catch (error) {
    outcome.problems.push(`documents: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  } finally {
    world.isOver = true
    await server.kill()
    close()
    await store.close()
  }
}

type Reply = { status: number; body: Record<string, never> & { [key: string]: unknown } }

async function ask({ base, token }: World, method: string, path: string, body?: unknown): Promise<Reply> {
  const response = await fetch(`${base()}${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...(token === '' ? {} : { authorization: `Bearer ${token}` }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, body: (await response.json()) as Reply['body'] }
}

async function signIn(world: World): Promise<string> {
  const { body } = await ask(world, 'POST', '/api/auth/login', { email: 'owner', password: ownerPassword })
  const token = (body.accessToken ?? body.token) as unknown
  if (typeof token !== 'string') throw new Error(`no sign-in: ${JSON.stringify(body)}`)
  return token
}

async function createDocument(world: World): Promise<string> {
  const items = Array.from({ length: 5 }, (_, n) => ({ id: `i${n}`, text: `Item ${n}` }))
  const { body } = await ask(world, 'POST', '/api/checklists', {
    checklistData: {
      title: 'Chaos',
      sections: [
        { id: 's0', title: 'One', items },
        { id: 's1', title: 'Two' },
      ],
    },
  })
  return String(body.checklistId)
}

type Entry = {
  version: number
  operationId: string | null
  op?: Op
  create?: never
  changes: { path: string; value?: unknown; removed?: true }[]
}

async function historyOf(world: World): Promise<Entry[]> {
  const entries: Entry[] = []
  for (;;) {
    const { body } = await ask(world, 'GET', `/api/sync/operations?entityId=${world.id}&sinceVersion=${entries.length}`)
    entries.push(...(body.operations as unknown as Entry[]))
    if (body.hasMore !== true) return entries
  }
}

async function compare(outcome: Outcome, world: World, everyone: readonly Editor[], acknowledged: ReadonlySet<string>): Promise<void> {
  const { body: state } = await ask(world, 'GET', `/api/sync/state?entityId=${world.id}`)
  const problem = (text: string) => outcome.problems.push(`documents: ${text}`)
  const wanted = String(state.checksum)
  const version = Number(state.version)
  for (const [n, editor] of everyone.entries()) {
    await editor.catchUp(version)
    if (sum(editor.document()) !== wanted) problem(`person ${n} ends with another document`)
  }
  const entries = await historyOf(world)
  for (const [at, entry] of entries.entries()) if (entry.version !== at + 1) problem(`version ${at + 1} is ${entry.version}`)
  let replayed = entries[0]?.create as never
  const set = structuredClone(replayed) as Record<string, unknown>
  for (const { op, changes } of entries.slice(1)) {
    replayed = apply(replayed, op ?? null) as never
    for (const { path, value, removed } of changes) {
      const keys = path.split('.')
      const last = keys.pop() ?? ''
      const parent = keys.reduce((at, key) => at[key] as Record<string, unknown>, set)
      if (removed === true) delete parent[last]
      else parent[last] = value
    }
  }
  if (sum(replayed) !== wanted) problem('the history replays to another document')
  if (sum(set) !== wanted) problem('the changes lead to another document')
  const found = entries.slice(1).map(({ operationId }) => String(operationId))
  if (new Set(found).size !== found.length) problem('an operation is there twice')
  for (const id of acknowledged) if (!found.includes(id)) problem(`the acknowledged operation ${id} is missing`)
  outcome.notes.push(`versions ${version}, acknowledged ${acknowledged.size}`)
}

const sum = (document: unknown): string => sha256(canonical(document as Json))
