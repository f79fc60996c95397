import { Worker } from 'node:worker_threads'

const idle: Worker[] = []

/**
 * The bcrypt text of a password under `$2b$<cost>$<22 characters of salt>`. bcryptjs is plain JavaScript and holds its thread up to 100 ms
 * at a time, so it works in threads of its own: as many as there are calls at once (the caller bounds them), kept for the next ones, none
 * of which keeps the process alive. /
 */
export function bcrypt(password: string, setting: string): Promise<string> {
  const worker = idle.pop() ?? new Worker(new URL('./bcrypt-worker.ts', import.meta.url))
  worker.ref()
  return new Promise((resolve, reject) => {
    worker.once('message', (text: string) => {
      worker.removeAllListeners('error')
      worker.unref()
      idle.push(worker)
      resolve(text)
    })
    worker.once('error', reject) // a thread that failed ends by itself
    worker.postMessage({ password, setting })
  })
}
