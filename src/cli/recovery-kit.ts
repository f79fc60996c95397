import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { backupKeysOf } from '../backup/keys.ts'
import type { Config } from '../config.ts'
import type { Holdfast } from '../main.ts'
import type { MasterKeys } from '../master-key.ts'
import { openOutput } from './output-file.ts'

export const kitFile = 'recovery-kit.txt'

/**
 * Given once, with the first tenant: shown on a terminal, else written into a file of the data folder that only its owner reads. It holds secrets and belongs somewhere else. Where no backups are
 * made there is none.
 */
export async function giveRecoveryKit({ setup: { config, masterKeys } }: Holdfast, say: (words: string) => void): Promise<void> {
  if (config.backup === null) return
  const { text } = await recoveryKit(config, masterKeys)
  if (process.stderr.isTTY)
    return say(`\n${text}\nThis recovery kit is shown only now. Print it, or keep it in a password safe. Again: holdfast keys recovery\n`)
  const path = join(config.dataFolder, kitFile)
  if (existsSync(path)) return
  // with a database elsewhere and the key in the settings nobody has made it yet
  mkdirSync(config.dataFolder, { recursive: true, mode: 0o700 })
  const output = openOutput(path)
  try {
    await output.write(text)
    await output.finish()
  } finally {
    await output.discard()
  }
  say(`The recovery kit is in ${path}. Move it to another place now: it opens the backups, and is lost with this folder.`)
}

/** The age pair of the backups, and the kit in words. */
export async function recoveryKit(config: Config, masterKeys: MasterKeys): Promise<{ recipient: string; identity: string; text: string }> {
  const { recipient, identity } = (await backupKeysOf(masterKeys.current, [])).current
  const isOurs = config.masterKey === null && config.keyWrapping === null
  return { recipient, identity, text: kitText({ recipient, identity, masterKey: masterKeys.current, targets: placesOf(config), isOurs }) }
}

const placesOf = ({ backup }: Config): string[] =>
  (backup?.targets ?? []).map((target) => (target.kind === 'folder' ? target.folder : `s3://${target.bucket}/${target.prefix}`))

type Kit = { recipient: string; identity: string; masterKey: Buffer; targets: readonly string[]; isOurs: boolean }

/** The words of the kit: what to do with Holdfast, and without it. */
const kitText = ({ recipient, identity, masterKey, targets, isOurs }: Kit): string => `Holdfast recovery kit
=====================
Whoever has this and the backups can read everything. Keep it away from the machine that it is about.

The backups lie in: ${targets.join(', ')}

1. Bring everything back with Holdfast, into an empty data folder:

     ${isOurs ? `HOLDFAST_KEY=${masterKey.toString('base64')} ` : 'HOLDFAST_KEY=(the one that you set, or its HOLDFAST_KEY_WRAPPED) '}bin/holdfast restore --from ${targets[0] ?? 'URL'}

2. Read the backups without Holdfast, with age, zstd and jq:

     identity=$(mktemp); echo '${identity}' > "$identity"
     cd ${targets.find((target) => !target.startsWith('s3:')) ?? '(a copy of the bucket)'}
     newest=$(ls snapshots | sort | tail -n 1)
     age -d -i "$identity" "snapshots/$newest/manifest.json.age" | jq .entities
     age -d -i "$identity" "snapshots/$newest/user.ndjson.zst.age" | zstd -dc | jq .row.username
   What was written since: each file of log/ holds entries in order.
     for file in log/*/*.age; do age -d -i "$identity" "$file" | zstd -dc | jq -c .entry; done

   recipient: ${recipient}
   identity:  ${identity}
`
