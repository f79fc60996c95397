import { randomUUID } from 'node:crypto'
import type { ChecklistDocument } from '../src/checklist/shape.ts'
import { compile, type DoorOp } from '../src/document/compile.ts'
import { apply, type Op } from '../src/document/json1.ts'
import { connectLive, type LiveClient, type LiveDoc, openSocket, rebind } from '../src/testing/live.ts'
import { type Random, sleep } from './random.ts'

export type World = { base(): string; token: string; id: string; isOver: boolean }

/** Somebody who edits the document. */
export type Editor = {
  document(): ChecklistDocument
  /** Resolves with the operation's id once it is acknowledged. */
  edit(op: DoorOp): Promise<string>
  /** Loses the connection. */
  cut(): void
  /** Resolves when the version is reached. */
  catchUp(version: number): Promise<void>
}

const retryMs = 50

/** Asks until there is an answer that is one: the server may be away. */
async function persist(
  world: World,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: Record<string, unknown> }> {
  for (;;) {
    try {
      const response = await fetch(`${world.base()}${path}`, {
        method,
        headers: { 'content-type': 'application/json', authorization: `Bearer ${world.token}` },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      if (response.status < 500) return { status: response.status, body: (await response.json()) as Record<string, unknown> }
    } catch {
      // it is away, or was killed while it answered
    }
    if (world.isOver) throw new Error('the server did not come back')
    await sleep(retryMs)
  }
}

const ticketOf = async (world: World): Promise<string> => String((await persist(world, 'POST', '/v1/tickets', {})).body.ticket)

/** ShareDB's own client, that connects again whenever it was cut off. */
export async function socketEditor(world: World, random: Random): Promise<Editor> {
  const client: LiveClient = await connectLive(world.base(), await ticketOf(world))
  let { socket } = client
  const doc: LiveDoc = await client.follow(world.id)
  const again = async (): Promise<void> => {
    for (;;) {
      if (world.isOver) return
      await sleep(random.between(5, 60))
      const next = openSocket(world.base(), await ticketOf(world))
      const isOpen = await new Promise<boolean>((resolve) => {
        next.once('open', () => resolve(true))
        next.once('error', () => resolve(false))
      })
      if (!isOpen) continue
      socket = next
      watch()
      rebind(client, next)
      return
    }
  }
  const watch = () => {
    socket.on('error', () => undefined)
    socket.once('close', () => void again().catch(() => undefined))
  }
  watch()
  // an edit is acknowledged under the number that it was sent with
  let acknowledged = ''
  client.connection.on('receive', ({ data }) => {
    const { a, src, seq } = data as { a?: string; src?: string; seq?: number }
    if (a === 'op' && src === (client.connection as unknown as { id: string }).id) acknowledged = `${src}:${seq}`
  })
  return {
    document: () => doc.data as ChecklistDocument,
    edit: (op) =>
      new Promise((resolve, reject) =>
        doc.submitOp(fitted(doc.data as ChecklistDocument, op) as never, undefined, (error) =>
          error ? reject(error as unknown as Error) : resolve(acknowledged),
        ),
      ),
    cut: () => socket.terminate(),
    async catchUp(version) {
      for (const endMs = performance.now() + 15_000; doc.version < version; ) {
        if (performance.now() > endMs) throw new Error(`a socket stays at version ${doc.version} of ${version}`)
        await sleep(10)
      }
    },
  }
}

/** The operation, or where that changes nothing another that does. */
const fitted = (document: ChecklistDocument, op: DoorOp): Op =>
  compile(document, [op], []) ?? compile(document, [{ type: 'update', path: 'description', newValue: randomUUID() }], [])

/** A client that posts operations at the version it knows, which it brings up to date now and then. */
export async function postingEditor(world: World, random: Random): Promise<Editor> {
  let version = 0
  let document = {} as ChecklistDocument
  const pull = async (): Promise<void> => {
    const { body } = await persist(world, 'GET', `/api/sync/operations?entityId=${world.id}&sinceVersion=${version}`)
    for (const entry of body.operations as { version: number; op?: Op; create?: ChecklistDocument }[]) {
      document = entry.create ?? apply(document, entry.op ?? null)
      version = entry.version
    }
    if (body.hasMore === true) await pull()
  }
  await pull()
  return {
    document: () => document,
    async edit(op) {
      const operation = { operationId: randomUUID(), entityType: 'checklist', entityId: world.id, baseVersion: version, ops: [op] }
      const { status, body } = await persist(world, 'POST', '/api/sync', { action: 'apply_operation', operation })
      if (status !== 200) throw new Error(`an edit was answered ${status}: ${JSON.stringify({ body, op })}`)
      if (random.chance(0.4)) await pull()
      return operation.operationId
    },
    cut: () => undefined,
    catchUp: pull,
  }
}
