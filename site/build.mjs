// Builds the handbook as a site into site/dist, or serves it with `--serve` while it is written. Installs what it needs from its own lock file.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const run = (command, args) => {
  const { status } = spawnSync(command, args, { cwd: here, stdio: 'inherit', env: { ...process.env, NODE_COMPILE_CACHE: '' } })
  if (status !== 0) process.exit(status ?? 1)
}

if (!existsSync(`${here}node_modules/vitepress`)) run('npm', ['ci', '--no-audit', '--no-fund'])
rmSync(`${here}pages`, { recursive: true, force: true })
cpSync(`${here}../docs`, `${here}pages`, { recursive: true })
run(process.execPath, ['node_modules/vitepress/bin/vitepress.js', process.argv.includes('--serve') ? 'dev' : 'build'])
