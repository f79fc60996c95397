import { isMarkedAsUntransferable, Worker } from 'node:worker_threads'
import { AppError } from '../kernel/errors.ts'
import { createGate } from '../kernel/gate.ts'
import type { ImageAnswer } from './image-worker.ts'

/** Pictures that wait; more are asked to come again. None is in memory before its turn. */
const waiting = 32
const idleMs = 10_000
/** Longer than the two limits that the thread sets itself: then it hangs, and another takes its place. */
const longestMs = 60_000

const gate = createGate()
let worker: Worker | null = null
let idle: NodeJS.Timeout | null = null
let count = 0

/**
 * The copies of a picture, made one picture after another in a thread of their own, so that requests never wait for them. `read` is called when its turn has come, and what it gives belongs to the thread from
 * then on. Null where the bytes are no such picture. Errors: `busy`; `images_unavailable` where the thread does not work, as on AWS Lambda; those of `read`.
 */
export const copiesOf = (read: () => Promise<Uint8Array>, type: string): Promise<Exclude<ImageAnswer, { problem: string }> | null> =>
  gate({ key: 'images', width: 1, waiting }, async () => {
    if (idle !== null) clearTimeout(idle)
    try {
      const answer = await ask(await read(), type)
      return 'problem' in answer ? null : answer
    } finally {
      idle = setTimeout(dismiss, idleMs).unref()
    }
  })

function dismiss(): void {
  void worker?.terminate()
  worker = null
}

/** Bytes in memory of their own: a part of a larger buffer cannot be handed to a thread without the rest of it. */
const owned = (bytes: Uint8Array): Uint8Array<ArrayBuffer> =>
  bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength && !isMarkedAsUntransferable(bytes.buffer)
    ? (bytes as Uint8Array<ArrayBuffer>)
    : new Uint8Array(bytes)

function ask(given: Uint8Array, type: string): Promise<ImageAnswer> {
  worker ??= new Worker(new URL('./image-worker.ts', import.meta.url))
  const mine = worker
  mine.unref()
  count += 1
  const id = count
  let ended = (): void => {}
  return new Promise<ImageAnswer>((resolve, reject) => {
    const told = (answer: ImageAnswer) => {
      if (answer.id === id) resolve(answer)
    }
    const failed = (cause?: unknown) => {
      worker = null
      reject(
        new AppError('unavailable', 'images_unavailable', 'Pictures cannot be looked at here right now. Try again in a moment.', { cause }),
      )
    }
    const timer = setTimeout(() => {
      failed(new Error(`a picture took longer than ${longestMs} ms`))
      void mine.terminate()
    }, longestMs)
    ended = () => {
      clearTimeout(timer)
      mine.off('message', told)
      mine.off('error', failed)
      mine.off('exit', failed)
    }
    mine.on('message', told)
    mine.once('error', failed)
    mine.once('exit', failed)
    const bytes = owned(given)
    mine.postMessage({ id, bytes, type }, [bytes.buffer])
  }).finally(() => ended())
}
