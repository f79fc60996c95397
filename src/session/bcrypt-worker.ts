import { parentPort } from 'node:worker_threads'
import { hashSync } from 'bcryptjs'

// The thread behind bcrypt.ts: one question, one answer, in order.
parentPort?.on('message', ({ password, setting }: { password: string; setting: string }) =>
  parentPort?.postMessage(hashSync(password, setting)),
)
