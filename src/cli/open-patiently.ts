import { existsSync } from 'node:fs'
import type { Config } from '../config.ts'
import { AppError } from '../kernel/errors.ts'
import type { Logger } from '../kernel/services.ts'
import { type Holdfast, type OpenOptions, openHoldfast } from '../main.ts'
import { dial } from './control-client.ts'
import { socketAddress } from './control-wire.ts'

type Patience = OpenOptions & {
  /** How long to wait for a folder that something else holds. A folder that a server serves is not waited for. */
  patienceMs: number
}

const pauseMs = 100

/** Opens the store; a folder that a command holds for a moment is waited for. Errors: those of `openHoldfast`. */
export async function openPatiently(config: Config, log: Logger, { patienceMs, ...options }: Patience): Promise<Holdfast> {
  for (const startedMs = performance.now(); ; ) {
    try {
      return await openHoldfast(config, log, options)
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'folder_in_use')) throw error
      if (performance.now() - startedMs > patienceMs || (await isServed(config.dataFolder))) throw error
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }
}

async function isServed(folder: string): Promise<boolean> {
  const socket = existsSync(folder) ? await dial(socketAddress(folder)) : null
  socket?.destroy()
  return socket !== null
}
