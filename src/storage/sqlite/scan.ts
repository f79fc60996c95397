import { parentPort, workerData } from 'node:worker_threads'
import { connect } from './connection.ts'
import type { Scan, Scanned } from './scans.ts'
import { tables } from './tables.ts'

/** The thread for long reads (scans.ts): one statement after another, each answered with its rows as they are stored. */
const { file } = workerData as { file: string }
const { prepare } = tables(connect(file, { readonly: true }), [])

function scan({ sql, bound }: Scan): Scanned {
  try {
    return { rows: prepare(sql).all(...bound) }
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) }
  }
}

parentPort?.on('message', (asked: Scan) => parentPort?.postMessage(scan(asked)))
