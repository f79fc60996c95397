import { createHash } from 'node:crypto'
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import Database from 'better-sqlite3'

/** The least that a durable write needs: one row and one chained log row, committed in groups at synchronous=FULL. */
const port = parentPort
if (port === null) throw new Error('This is a worker thread')
const db = new Database((workerData as { file: string }).file)
db.pragma('journal_mode = WAL')
db.pragma('synchronous = FULL')
db.exec(`CREATE TABLE IF NOT EXISTS rows (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, body TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS log (sequence INTEGER PRIMARY KEY, entry TEXT NOT NULL, hash TEXT NOT NULL);`)
const insertRow = db.prepare('INSERT INTO rows VALUES (?, ?, ?)')
const insertSession = db.prepare('INSERT INTO sessions VALUES (?, ?)')
const insertLog = db.prepare('INSERT INTO log VALUES (?, ?, ?)')
let sequence = (db.prepare('SELECT max(sequence) FROM log').pluck().get() as number | null) ?? 0
let previous = (db.prepare('SELECT hash FROM log ORDER BY sequence DESC LIMIT 1').pluck().get() as string | undefined) ?? ''

type Write = { kind: 'row' | 'session'; id: string; name: string; body: string }

port.on('message', (first: Write) => {
  const group = [first]
  for (let more = receiveMessageOnPort(port); more !== undefined && group.length < 256; more = receiveMessageOnPort(port))
    group.push(more.message as Write)
  db.exec('BEGIN IMMEDIATE')
  for (const { kind, id, name, body } of group) {
    if (kind === 'row') insertRow.run(id, name, body)
    else insertSession.run(id, body)
    sequence += 1
    previous = createHash('sha256')
      .update(previous + body)
      .digest('hex')
    insertLog.run(sequence, body, previous)
  }
  db.exec('COMMIT')
  port.postMessage(group.map(({ id }) => id))
})
port.postMessage(['ready'])
