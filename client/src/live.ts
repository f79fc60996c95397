import { editOp, insertOp, type as json1, removeOp, replaceOp } from 'ot-json1'
import { Connection, type Doc, types } from 'sharedb/lib/client/index.js'

// a conflict is resolved and never thrown, on both sides alike
types.register({ ...json1, transform: json1.transformNoConflict } as never)

export type LiveState = 'connecting' | 'live' | 'away' | 'refused'

export type LiveDocument<T> = {
  /** What the document says here and now, own changes included; null until it is there. */
  read(): T | null
  state(): LiveState
  /** Changes that the server has not acknowledged yet. */
  hasPending(): boolean
  /** Sets what is at a path; undefined removes it. */
  set(path: readonly string[], value: unknown): void
  /** Makes a text what somebody typed: only what differs is sent, so that others may type beside it. */
  type(path: readonly string[], text: string): void
  /** Calls back after every change of the document or of the connection. Returns what ends that. */
  watch(changed: () => void): () => void
  close(): void
}

type Options = {
  /** Where the server is. */
  baseUrl: string
  id: string
  /** A fresh ticket for one socket (`POST /v1/tickets`). */
  ticket(): Promise<string>
  /** The constructor of sockets; a browser has one. */
  socket?: typeof WebSocket
}

const longestWaitMs = 5_000
/** The session is over, or the document is another since a restore. */
const finalCodes = new Set([4401, 4403])

/** A document that is edited with others. While the server is away what is typed stays here, and is sent once it is back. */
export function openDocument<T>({ baseUrl, id, ticket, socket: Socket = WebSocket }: Options): LiveDocument<T> {
  const watchers = new Set<() => void>()
  let state: LiveState = 'connecting'
  let isClosed = false
  let connection: Connection | null = null
  let doc: Doc | null = null
  let socket: WebSocket | null = null

  const tell = () => {
    for (const changed of watchers) changed()
  }
  const become = (next: LiveState) => {
    state = next
    tell()
  }

  function follow(live: Connection): void {
    doc = live.get('checklists', id)
    for (const event of ['op', 'load', 'nothing pending'] as const) doc.on(event, tell)
    doc.on('error', () => tell())
    doc.subscribe((error) => become(error ? 'refused' : 'live'))
  }

  async function connect(attempt: number): Promise<void> {
    if (isClosed) return
    try {
      const opened = new Socket(`${baseUrl.replace(/^http/, 'ws')}/v1/documents?ticket=${encodeURIComponent(await ticket())}`)
      await new Promise<void>((resolve, reject) => {
        opened.addEventListener('open', () => resolve(), { once: true })
        opened.addEventListener('error', () => reject(new Error('the socket was refused')), { once: true })
      })
      socket = opened
      opened.addEventListener('close', ({ code }) => lost(code), { once: true })
      if (connection === null) {
        connection = new Connection(opened as never)
        connection.on('error', () => undefined)
        follow(connection)
      } else {
        ;(connection as unknown as { bindToSocket(socket: unknown): void }).bindToSocket(opened)
        become('live')
      }
    } catch {
      retry(attempt + 1)
    }
  }

  function retry(attempt: number): void {
    if (isClosed) return
    if (state !== 'away') become('away')
    setTimeout(() => void connect(attempt), Math.min(longestWaitMs, 100 * 2 ** attempt) * (0.5 + Math.random() / 2))
  }

  function lost(code: number): void {
    if (isClosed) return
    if (finalCodes.has(code)) {
      become('refused')
      return
    }
    if (code === 4410) {
      // a restore took it back: it is read anew
      connection = null
      doc = null
    }
    retry(0)
  }

  void connect(0)
  const submit = (op: unknown) => doc?.submitOp(op as never, undefined, () => tell())
  const at = (path: readonly string[]): unknown =>
    path.reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], doc?.data)
  return {
    read: () => (doc?.data ?? null) as T | null,
    state: () => state,
    hasPending: () => doc?.hasWritePending() ?? false,
    set(path, value) {
      const before = at(path)
      if (before === value) return
      const given = [...path]
      submit(
        value === undefined
          ? removeOp(given, before as never)
          : before === undefined
            ? insertOp(given, value as never)
            : replaceOp(given, before as never, value as never),
      )
    },
    type(path, text) {
      const op = typed(String(at(path) ?? ''), text)
      if (op !== null) submit(editOp([...path], 'text-unicode', op as never))
    },
    watch(changed) {
      watchers.add(changed)
      return () => void watchers.delete(changed)
    },
    close() {
      isClosed = true
      connection?.close()
      socket?.close()
    },
  }
}

/** What turns one text into another, as one place that was typed at; lengths count code points (ot-text-unicode). */
function typed(before: string, after: string): unknown[] | null {
  const [a, b] = [[...before], [...after]]
  let head = 0
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1
  let tail = 0
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail += 1
  const removed = a.length - head - tail
  const inserted = b.slice(head, b.length - tail).join('')
  if (removed === 0 && inserted === '') return null
  return [...(head === 0 ? [] : [head]), ...(inserted === '' ? [] : [inserted]), ...(removed === 0 ? [] : [{ d: removed }])]
}
