import type { Readable } from 'node:stream'
import type Agent from 'sharedb/lib/agent.js'
import { type Caller, isReadable } from './rights.ts'
import { frameOf, type SocketStream } from './stream.ts'
import { collection } from './words.ts'

/** The open sockets of a tenant. */
export type Listeners = ReadonlyMap<SocketStream, Agent<Caller>>

/** An operation as ShareDB's clients read it. `v` is the version that it was made of. */
export type WireOp = { src: string; seq: number; v: number; op: unknown }

/** ShareDB's own way of an operation to one who follows a document. */
export type OpStream = Readable & { open: boolean; pushData(data: object): void }

type Internals = { subscribedDocs: Record<string, Record<string, OpStream> | undefined>; _src(): string }

/** Streams on which something is under way in ShareDB, which nothing may overtake. */
const busy = new WeakSet<OpStream>()

/**
 * Sends operations to the sockets that follow their document: frames made once, in one write, to everybody who is known to be allowed to read it now. ShareDB copies, asks and encodes for each listener anew,
 * which costs more than the kernel takes for sending. Whoever has to be judged first, or still waits for the document itself, is left to ShareDB. Returns whom it need not serve.
 */
export function broadcast(listeners: Listeners, id: string, ops: readonly WireOp[]): ReadonlySet<OpStream> {
  const served = new Set<OpStream>()
  const left: OpStream[] = []
  const frames = ops.map(({ src, seq, v, op }) => frameOf(JSON.stringify({ a: 'op', c: collection, d: id, v, src, seq, op })))
  const all = Buffer.concat(frames)
  const authors = new Set(ops.map(({ src }) => src))
  for (const [socket, agent] of listeners) {
    const { subscribedDocs, _src } = agent as unknown as Internals
    const stream = subscribedDocs[collection]?.[id]
    if (stream === undefined) continue
    if (busy.has(stream) || !isIdle(stream) || agent.custom.judging > 0 || !isReadable(agent.custom, id)) {
      left.push(stream)
      continue
    }
    served.add(stream)
    const own = _src.call(agent)
    // whoever sent an operation is told by its acknowledgement
    if (!authors.has(own)) socket.pass(all)
    else for (const [n, frame] of frames.entries()) if (ops[n]?.src !== own) socket.pass(frame)
  }
  wait(left)
  return served
}

const isIdle = (stream: OpStream): boolean => stream.readableFlowing === true && stream.readableLength === 0

/** What is pushed now has left ShareDB by the end of this turn, where its stream flows. */
function wait(streams: readonly OpStream[]): void {
  if (streams.length === 0) return
  for (const stream of streams) busy.add(stream)
  setImmediate(() => {
    for (const stream of streams) if (isIdle(stream)) busy.delete(stream)
  })
}
