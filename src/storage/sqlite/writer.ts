import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import type { EncodedCommit as WireCommit } from '../encoded.ts'
import { type Signing, signingOf } from '../signing.ts'
import { checkpointer } from './checkpoint.ts'
import { connect } from './connection.ts'
import { eraser } from './erase.ts'
import { groupCommitter } from './group.ts'
import type { Shape } from './schema.ts'
import type { FromWriter, ToWriter } from './wire.ts'

/** The writer's thread: the one connection that writes. Everything that waits when a group begins is its group; a lone commit waits for nobody. */

/** Bounds of a group: what one fsync may make others wait for. */
const most = { commits: 256, changes: 2_000, characters: 4_000_000 }

const port = parentPort as MessagePort
const { file, shapes } = workerData as { file: string; shapes: readonly Shape[] }
const db = connect(file)
const commitGroup = groupCommitter(db, shapes)
const erase = eraser(db)
const checkpoint = checkpointer(db)
let signing: Signing | null = null
let waiting: WireCommit[] = []

const reply = (message: FromWriter): void => port.postMessage(message)

port.on('message', (first: ToWriter) => {
  accept(first)
  while (waiting.length > 0) {
    drain()
    if (waiting.length === 0) return // closed
    runGroup()
    checkpoint.step()
    if (waiting.length === 0) drain()
  }
})
reply({ kind: 'ready' })

function drain(): void {
  while (waiting.length < most.commits) {
    const received = receiveMessageOnPort(port)
    if (received === undefined) return
    accept(received.message as ToWriter)
  }
}

function accept(message: ToWriter): void {
  if (message.kind === 'commits') waiting = waiting.length === 0 ? [...message.commits] : waiting.concat(message.commits)
  else if (message.kind === 'signer') setSigner(message.signer)
  else if (message.kind === 'erase') reply({ kind: 'erased', problem: erase(message.tenant, message.entries) })
  else close()
}

function runGroup(): void {
  let changes = 0
  let characters = 0
  let size = 0
  for (const commit of waiting) {
    changes += commit[4].length
    characters += charactersOf(commit)
    if (size > 0 && (size >= most.commits || changes > most.changes || characters > most.characters)) break
    size += 1
  }
  const group = waiting.slice(0, size)
  waiting = waiting.slice(size)
  const written = commitGroup(group, signing as Signing)
  reply({ kind: 'done', ...written, fsyncs: (written.commitSeconds === null ? 0 : 1) + checkpoint.takeFsyncs() })
}

function charactersOf([, , , , changes]: WireCommit): number {
  let characters = 0
  for (const change of changes) {
    const values = change[0] === 'insert' ? change[3] : change[0] === 'update' ? change[5] : []
    for (const value of values) if (typeof value === 'string') characters += value.length
  }
  return characters
}

function setSigner(signer: Extract<ToWriter, { kind: 'signer' }>['signer']): void {
  try {
    signing = signingOf(signer)
    reply({ kind: 'signer', problem: null })
  } catch (error) {
    reply({ kind: 'signer', problem: error instanceof Error ? error.message : String(error) })
  }
}

/** The last message there is: what was accepted before it is committed first. */
function close(): void {
  while (waiting.length > 0) runGroup()
  checkpoint.finish()
  db.close()
  reply({ kind: 'closed', fsyncs: checkpoint.takeFsyncs() })
  port.close()
}
