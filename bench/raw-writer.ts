import { hash } from 'node:crypto'
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import Database from 'better-sqlite3'

/** The engine's rows without the engine: the same table, keys and log columns, an entry of the same size with its hash, in groups at synchronous=FULL. No guards, no signature, no port. */
const port = parentPort
if (port === null) throw new Error('This is a worker thread')
const db = new Database((workerData as { file: string }).file)
db.pragma('journal_mode = WAL')
db.pragma('synchronous = FULL')
db.exec(`CREATE TABLE items (tenant_id TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, version INTEGER NOT NULL,
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL, PRIMARY KEY (tenant_id, id)) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX by_name ON items (tenant_id, name);
  CREATE TABLE log (stream TEXT NOT NULL, sequence INTEGER NOT NULL, tenant_id TEXT NOT NULL, time TEXT NOT NULL, entry TEXT NOT NULL, hash TEXT NOT NULL,
    secrets TEXT, PRIMARY KEY (stream, sequence)) STRICT;`)
const insertRow = db.prepare('INSERT INTO items VALUES (?, ?, ?, ?, 1, ?, ?)')
const insertLog = db.prepare('INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, NULL)')
const tenant = '01a20000-0000-7000-8000-000000000000'
const quoted = JSON.stringify
let sequence = 0
let previous = '0'.repeat(64)

type Write = { id: string; body: string; now: string }

port.on('message', (first: Write) => {
  const group = [first]
  for (let more = receiveMessageOnPort(port); more !== undefined && group.length < 256; more = receiveMessageOnPort(port))
    group.push(more.message as Write)
  db.exec('BEGIN IMMEDIATE')
  for (const { id, body, now } of group) {
    insertRow.run(tenant, id, id, body, now, now)
    sequence += 1
    const fields = `{"body":${quoted(body)},"createdAt":"${now}","id":"${id}","name":${quoted(id)},"updatedAt":"${now}","version":1}`
    const entry = `{"action":"item.create","actor":{"id":null,"kind":"system","name":"bench"},"changes":[{"fields":${fields},"id":"${id}","op":"insert","type":"item"}],"entity":null,"previousHash":"${previous}","requestId":null,"sequence":${sequence},"stream":"${tenant}","time":"${now}"}`
    previous = hash('sha256', previous + entry, 'hex')
    insertLog.run(tenant, sequence, tenant, now, entry, previous)
  }
  db.exec('COMMIT')
  port.postMessage(group.map(({ id }) => id))
})
port.postMessage(['ready'])
