import type { Runtime } from '../kernel/context.ts'

export type Rounds = {
  /** Begins nothing more, and resolves when what runs is done. */
  stop(): Promise<void>
}

type Job = {
  name: string
  /** Of several processes on one storage, one does it for all, as long as it comes back to it; else each does. */
  isForAll?: true
  firstMs: number
  everyMs: number
  run(): Promise<unknown>
}

/** Does something now and then while a server runs, one round after the other. A failure is logged, and the next round tries again. */
export function startRounds({ storage, services }: Runtime, { name, isForAll, firstMs, everyMs, run }: Job): Rounds {
  let running: Promise<void> = Promise.resolve()
  let isStopped = false
  let timer = setTimeout(begin, firstMs)
  timer.unref()

  function begin(): void {
    running = round().then(() => {
      if (isStopped) return
      timer = setTimeout(begin, everyMs)
      timer.unref()
    })
  }

  async function round(): Promise<void> {
    try {
      if (isForAll && (await storage.lease?.(name, (everyMs / 1_000) * 1.5)) === null) return
      await run()
    } catch (error) {
      services.log.error({ err: error }, `${name} failed`)
    }
  }

  return {
    async stop() {
      isStopped = true
      clearTimeout(timer)
      await running
    },
  }
}
