import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

const idle: Worker[] = []

/**
 * The bcrypt text of a password under `$2b$<cost>$<22 characters of salt>`. bcryptjs is plain JavaScript and holds its thread up to 100 ms
 * at a time, so it works in threads of its own: as many as there are calls at once (the caller bounds them), kept for the next ones, none
 * of which keeps the process alive. A thread that fails is not used again.
 */
export async function bcrypt(password: string, setting: string): Promise<string> {
  const worker = idle.pop() ?? new Worker(new URL('./bcrypt-worker.ts', import.meta.url))
  worker.ref()
  worker.postMessage({ password, setting })
  const [text]: string[] = await once(worker, 'message')
  worker.unref()
  idle.push(worker)
  return text ?? ''
}
