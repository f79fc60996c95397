import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { hash, verify } from '@node-rs/argon2'

/** argon2id verifications a second of this machine with nothing else to do, in a process whose thread pool has as many threads as there are cores. */
export function rawHashRate(seconds: number): Promise<number> {
  const child = fork(import.meta.filename, [String(seconds)], {
    env: { ...process.env, UV_THREADPOOL_SIZE: String(availableParallelism()) },
  })
  return new Promise((resolve, reject) => {
    child.once('message', (rate) => resolve(Number(rate)))
    child.once('exit', (code) => code !== 0 && reject(new Error(`raw-hash ended with ${code}`)))
  })
}

if (process.send !== undefined && process.argv[1] === import.meta.filename) {
  const stored = await hash('a good long passphrase', { memoryCost: 19_456, timeCost: 2, parallelism: 1 })
  const end = performance.now() + Number(process.argv[2]) * 1000
  let done = 0
  const worker = async () => {
    while (performance.now() < end) {
      await verify(stored, 'a good long passphrase')
      done += 1
    }
  }
  const started = performance.now()
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
  process.send((done * 1000) / (performance.now() - started))
  process.disconnect()
}
