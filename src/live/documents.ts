import { setImmediate as turn } from 'node:timers/promises'
import ShareDB from 'sharedb'
import type Agent from 'sharedb/lib/agent.js'
import type { Error as ShareError } from 'sharedb/lib/sharedb.js'
import { LiveDocument, type LiveDocumentRow } from '../checklist/entity.ts'
import { resync } from '../document/edit.ts'
import type { EditRow } from '../document/entity.ts'
import { documentType } from '../document/json1.ts'
import { submitEdit } from '../document/operations.ts'
import { contentAt, editsBetween, type Place } from '../document/state.ts'
import { canonical, type Json, sha256 } from '../kernel/canonical.ts'
import type { Runtime } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { createGate } from '../kernel/gate.ts'
import { perform } from '../kernel/perform.ts'
import { broadcast, type Listeners, type OpStream, type WireOp } from './broadcast.ts'
import { allowed, type Caller, originNow } from './rights.ts'
import type { Tail } from './tail.ts'
import { collection, refusedKind, wireError } from './words.ts'

ShareDB.types.register(documentType as never)

type Done = (error?: unknown, result?: unknown) => void
type Ended = (error: ShareError | null) => void

/** `<src>:<seq>` of a socket; an edit of the REST door has a source of its own. */
function sourceOf(operationId: string): { src: string; seq: number } {
  const [, src, seq] = /^(.+):(\d+)$/.exec(operationId) ?? []
  return src === undefined ? { src: operationId, seq: 1 } : { src, seq: Number(seq) }
}

const wireOp = ({ editVersion, operationId, op }: EditRow): WireOp => ({ ...sourceOf(operationId), v: editVersion - 1, op })

const settle = (work: Promise<unknown>, done: Done): void =>
  void work.then(
    (result) => done(null, result),
    (error: unknown) => done(shareable(error)),
  )
const shareable = (error: unknown): unknown => (isShareError(error) ? error : wireError(error))
const isShareError = (error: unknown): boolean => error instanceof Error && String((error as { code?: unknown }).code).startsWith('ERR_')

/** ShareDB's database over our commit: an operation and what it makes of the document are one commit, acknowledged when it is durable. Rights were judged before (rights.ts), and are again by the commit itself. */
class Documents extends ShareDB.DB {
  readonly place: Place

  constructor(place: Place) {
    super()
    this.place = place
  }

  async row(id: string): Promise<LiveDocumentRow | null> {
    return this.place.store.get(LiveDocument, id)
  }

  override getSnapshot(...[, id, , , done]: [string, string, unknown, unknown, Done]): void {
    settle(this.snapshot(id, null), done)
  }

  async snapshot(id: string, version: number | null) {
    const row = await this.row(id)
    if (row === null) return { id, v: 0, type: null, data: undefined, m: null }
    if (version !== null && version > row.documentVersion)
      throw new AppError('conflict', 'version_mismatch', 'The document has no such version yet.')
    const v = version ?? row.documentVersion
    if (v < row.floorVersion) throw resync()
    return { id, v, type: documentType.uri, data: await contentAt(this.place, row, v), m: {} }
  }

  override getOps(...[, id, from, to, , done]: [string, string, number | null, number | null, unknown, Done]): void {
    settle(this.ops(id, from ?? 0, to), done)
  }

  async ops(id: string, from: number, to: number | null): Promise<(WireOp & { m: object })[]> {
    const row = await this.row(id)
    if (row === null) return []
    if (from < row.floorVersion) throw resync()
    return (await editsBetween(this.place, row, from, Math.min(to ?? row.documentVersion, row.documentVersion))).map((edit) => ({
      ...wireOp(edit),
      m: {},
    }))
  }

  override commit(...[, id, op, snapshot, { agent }, done]: [string, string, WireOp, { v: number }, { agent: Agent<Caller> }, Done]): void {
    const { principal, origin, receivedMs } = agent.custom
    const input = {
      checklistId: id,
      operationId: `${op.src}:${op.seq}`,
      baseVersion: snapshot.v - 1,
      op: op.op ?? null,
      digest: sha256(canonical([op.src, op.seq] as Json)),
    }
    const call = {
      actor: principal,
      origin: { ...originNow(this.place.runtime, origin), receivedMs },
      input,
      encode: (output: object) => ({ status: 200, body: JSON.stringify(output) }),
    }
    const work = perform(this.place.runtime, submitEdit, call).then(({ body }) => {
      const { outcome } = JSON.parse(body) as { outcome: 'made' | 'repeated' | 'behind' }
      if (outcome === 'repeated') throw repeated()
      return outcome === 'made'
    })
    settle(work, done)
  }
}

const repeated = () => Object.assign(new Error('Op already submitted'), { code: 'ERR_OP_ALREADY_SUBMITTED' })

/** How words of ShareDB between processes begin. */
const said = '{"t":"sharedb","tenantId":'

/** Sends on what became durable, in the order of versions, whoever committed it and in whichever process. */
class Publisher extends ShareDB.PubSub {
  readonly place: Place
  readonly tail: Tail
  /** The newest version that was sent on, of each document that somebody follows. */
  readonly followed = new Map<string, { last: number; work: Promise<void> }>()
  readonly taken: (id: string) => void
  readonly listeners: () => Listeners
  readonly deaf: () => void

  constructor(place: Place, tail: Tail, { taken, listeners }: Followers) {
    super()
    this.place = place
    this.tail = tail
    this.taken = taken
    this.listeners = listeners
    this.deaf = place.runtime.storage.broadcast?.listen((text) => this.hear(text)) ?? (() => undefined)
    tail.listen(({ changes }) => {
      for (const { type, id } of changes) if (type === LiveDocument.name && this.followed.has(id)) this.wake(id)
    })
  }

  protected override _subscribe(channel: string, done: Ended): void {
    const id = documentOf(channel)
    const work = id === null ? Promise.resolve() : this.follow(id)
    work.then(
      () => done(null),
      (error: ShareError) => done(error),
    )
  }

  protected override _unsubscribe(channel: string, done: Ended): void {
    const id = documentOf(channel)
    if (id !== null) this.followed.delete(id)
    setImmediate(done, null)
  }

  /** Edits are sent on from the log; what is published is presence, which the other processes are told of. */
  protected override _publish(channels: string[], data: object, done: Ended): void {
    const { runtime, store } = this.place
    for (const channel of channels)
      runtime.storage.broadcast?.send(
        `${said}${JSON.stringify(store.tenantId)},"channel":${JSON.stringify(channel)},"data":${JSON.stringify(data)}}`,
      )
    setImmediate(() => {
      for (const channel of channels) this._emit(channel, data as { [key: string]: unknown })
      done(null)
    })
  }

  /** What another process published. */
  hear(text: string): void {
    if (!text.startsWith(said)) return
    const { tenantId, channel, data } = JSON.parse(text) as { tenantId: string; channel: string; data: { [key: string]: unknown } }
    if (tenantId === this.place.store.tenantId && documentOf(channel) === null) this._emit(channel, data)
  }

  override close(done?: (error: ShareError | null) => void): void {
    this.deaf()
    super.close(done)
  }

  /** From before anybody reads the document, so that nothing lies between what they read and what they hear. */
  async follow(id: string): Promise<void> {
    await this.tail.settled()
    const row = await this.place.store.get(LiveDocument, id)
    this.followed.set(id, { last: row?.documentVersion ?? 0, work: Promise.resolve() })
  }

  wake(id: string): void {
    const mine = this.followed.get(id)
    if (mine === undefined) return
    mine.work = mine.work
      .then(() => this.send(id, mine))
      .catch((error: unknown) => this.place.runtime.services.log.warn({ err: error }, 'a document cannot be followed'))
  }

  async send(id: string, mine: { last: number }): Promise<void> {
    const row = await this.place.store.get(LiveDocument, id)
    if (row === null || row.documentVersion === mine.last) return
    if (row.documentVersion < mine.last || row.floorVersion > mine.last) {
      mine.last = row.documentVersion
      this.taken(id)
      return
    }
    const edits = await editsBetween(this.place, row, mine.last, row.documentVersion)
    // the log may tell of a right that somebody has no more
    await this.tail.settled()
    // whoever waits for an acknowledgement goes before hundreds who listen
    await turn()
    mine.last = row.documentVersion
    this.pass(id, edits.map(wireOp))
  }

  pass(id: string, ops: readonly WireOp[]): void {
    const served = broadcast(this.listeners(), id, ops)
    const channel = (this as unknown as { streams: Record<string, Record<string, OpStream> | undefined> }).streams[`${collection}.${id}`]
    for (const stream of Object.values(channel ?? {}))
      if (!served.has(stream)) for (const op of ops) stream.pushData({ c: collection, d: id, ...op, m: undefined })
  }
}

const documentOf = (channel: string): string | null => (channel.startsWith(`${collection}.`) ? channel.slice(collection.length + 1) : null)

type Followers = {
  /** Called when a document was taken back by a restore. */
  taken(id: string): void
  listeners(): Listeners
}

/** The documents of one tenant as ShareDB serves them. */
export function openDocuments(runtime: Runtime, tail: Tail, { tenantId, ...followers }: Followers & { tenantId: string }): ShareDB {
  const place = { runtime, store: runtime.storage.tenant(tenantId) }
  const db = new Documents(place)
  const backend = new ShareDB({
    db,
    pubsub: new Publisher(place, tail, followers),
    presence: true,
    suppressPublish: true,
    doNotForwardSendPresenceErrorsToClient: true,
    errorHandler: () => undefined,
  })
  // our own milestones serve any version; ShareDB would replay from the first
  ;(backend as unknown as { _fetchSnapshot(collection: string, id: string, version: number | null, done: Done): void })._fetchSnapshot = (
    _collection,
    id,
    version,
    done,
  ) => settle(db.snapshot(id, version), done)
  submitInTurn(backend)
  backend.use('commit', (request, next) => {
    request.options = { agent: request.agent }
    next()
  })
  backend.use('submit', ({ op }, next) => next('create' in op || 'del' in op ? wireError(refusedKind()) : undefined))
  backend.use('op', ({ agent, id }, next) => allowed(agent as Agent<Caller>, id, next))
  return backend
}

type Submit = (...given: unknown[]) => void

/** One operation of a document after the other. ShareDB begins all at once, and each that comes second reads, transforms and tries anew after every other: with a hundred on their way that is thousands of tries. */
function submitInTurn(backend: ShareDB): void {
  const gate = createGate()
  const whole = backend as unknown as { submit: Submit }
  const submit = whole.submit.bind(backend)
  whole.submit = (...given) => {
    // (agent, collection, id, operation, options, callback)
    const done = given.pop() as (...answer: unknown[]) => void
    const work = () =>
      new Promise<void>((resolve) =>
        submit(...given, (...answer: unknown[]) => {
          resolve()
          done(...answer)
        }),
      )
    gate({ key: String(given[2]), width: 1 }, work).catch(done)
  }
}
