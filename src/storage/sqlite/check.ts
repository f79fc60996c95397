import { parentPort, workerData } from 'node:worker_threads'
import { connect } from './connection.ts'

/** A thread of its own for the integrity check, which takes a second per few hundred megabytes and must hold up nobody. */
const { file } = workerData as { file: string }
const db = connect(file, { readonly: true })
try {
  const found = db.pragma('integrity_check') as { integrity_check: string }[]
  parentPort?.postMessage(found.map((row) => row.integrity_check).filter((text) => text !== 'ok'))
} finally {
  db.close()
}
