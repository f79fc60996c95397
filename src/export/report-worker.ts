import { parentPort, workerData } from 'node:worker_threads'
import { pdfOf } from '../attendance/report-pdf.ts'
import type { Table } from '../attendance/report-table.ts'

const { table, nowMs } = workerData as { table: Table; nowMs: number }
const bytes = await pdfOf(table, nowMs)
parentPort?.postMessage(new Uint8Array(bytes))
