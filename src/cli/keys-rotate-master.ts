import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { AppError } from '../kernel/errors.ts'
import { beginRotation, endRotation } from '../master-key.ts'
import { command } from './command.ts'
import { connected } from './connection.ts'
import { dial } from './control-client.ts'
import { socketAddress } from './control-wire.ts'

type Renewed = { kid: string; renewed: number; rows: number }

export function addRotateMaster(keys: Command): void {
  command<object>(keys, 'rotate-master', {
    summary: 'Seal everything under a new master key',
    examples: [
      ['holdfast keys rotate-master', 'with the server stopped: makes a new master.key and seals every secret value under it'],
      [
        'HOLDFAST_KEY=… HOLDFAST_KEY_FORMER=… holdfast keys rotate-master',
        'where settings hold the key: seals what is still under a former one',
      ],
    ],
    reads: true,
  }).doesAlone(async ({ config, say }) => {
    const isFile = config.masterKey === null && config.keyWrapping === null
    const options = { config, mayBegin: false, say }
    const renew = () => connected(options, (run) => run<Renewed>('key.rotate-master', 'platform', {}))
    if (!isFile) return answerOf(await renew(), [])
    await refuseBesideServer(config.dataFolder)
    // proves that there is data, and that the key is its own, before another is made
    await connected(options, (run) => run('key.list', 'platform', {}))
    beginRotation(config.dataFolder)
    const renewed = await renew()
    return answerOf(renewed, endRotation(config.dataFolder))
  })
}

/** A running server would go on sealing, and shipping its backups, under the former key. */
async function refuseBesideServer(folder: string): Promise<void> {
  const socket = existsSync(folder) ? await dial(socketAddress(folder)) : null
  socket?.destroy()
  if (socket !== null)
    throw new AppError(
      'conflict',
      'server_running',
      'A server uses this data folder and its master key. Stop it, run this again, and start it.',
    )
}

function answerOf({ kid, renewed, rows }: Renewed, formerKeys: readonly string[]) {
  const kept = formerKeys.map(
    (path) => `The former key is in ${path}. Backups and history from before need it: keep it elsewhere, then delete it here.`,
  )
  const words = [`${renewed} of ${rows} rows sealed anew; everything is under master key ${kid} now.`, ...kept].join('\n')
  return { document: { kid, renewed, rows, formerKeys: [...formerKeys] }, words }
}
