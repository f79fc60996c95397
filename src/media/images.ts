import { Worker } from 'node:worker_threads'
import { AppError } from '../kernel/errors.ts'
import { createGate } from '../kernel/gate.ts'
import type { ImageAnswer } from './image-worker.ts'

/** Pictures that wait; more are asked to come again. */
const waiting = 32
const idleMs = 10_000

const gate = createGate()
let worker: Worker | null = null
let idle: NodeJS.Timeout | null = null
let count = 0

/** The copies of a picture, made one picture after another in a thread of their own, so that requests never wait for them. Null where the bytes are no such picture. Errors: `busy`; `images_unavailable` where the thread does not work, as on AWS Lambda. */
export const copiesOf = (bytes: Uint8Array, type: string): Promise<Exclude<ImageAnswer, { problem: string }> | null> =>
  gate({ key: 'images', width: 1, waiting }, async () => {
    if (idle !== null) clearTimeout(idle)
    const answer = await ask(bytes, type)
    idle = setTimeout(() => {
      void worker?.terminate()
      worker = null
    }, idleMs).unref()
    return 'problem' in answer ? null : answer
  })

function ask(bytes: Uint8Array, type: string): Promise<ImageAnswer> {
  worker ??= new Worker(new URL('./image-worker.ts', import.meta.url))
  const mine = worker
  mine.unref()
  count += 1
  const id = count
  return new Promise((resolve, reject) => {
    const ended = (answer: ImageAnswer) => {
      mine.off('message', told)
      mine.off('error', failed)
      mine.off('exit', failed)
      resolve(answer)
    }
    const told = (answer: ImageAnswer) => {
      if (answer.id === id) ended(answer)
    }
    const failed = (cause?: unknown) => {
      worker = null
      mine.off('message', told)
      reject(
        new AppError('unavailable', 'images_unavailable', 'Pictures cannot be looked at here right now. Try again in a moment.', { cause }),
      )
    }
    mine.on('message', told)
    mine.once('error', failed)
    mine.once('exit', failed)
    mine.postMessage({ id, bytes, type })
  })
}
