import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { freshFolder, holdfast, send, signIn, startServer } from './testing/process.ts'

const { folder, data, remove } = freshFolder()
const target = join(folder, 'small')
mkdirSync(target)
const isMounted =
  process.platform === 'linux' && spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k,mode=700', 'tmpfs', target]).status === 0
if (!isMounted) process.stderr.write('!! no tmpfs can be mounted here: a full target is not tried\n')
afterAll(() => {
  if (isMounted) spawnSync('umount', ['-l', target])
  remove()
})

const environment = { HOLDFAST_BACKUP: `file:${target}` }
const password = 'a good long passphrase'

test.skipIf(!isMounted)(
  'a target that is full stops no work, is told, and is caught up with once there is space',
  async () => {
    const server = await startServer(data, environment)
    const token = await signIn(server.url)
    const makes = async (username: string) =>
      (await send(server.url, '/v1/users', { username, password, fullName: 'x'.repeat(60) }, token)).status
    expect(await makes('before')).toBe(201)
    execFileSync('sh', ['-c', `dd if=/dev/zero of='${join(target, '.filler')}' bs=1k 2>/dev/null || true`])
    expect(await makes('during')).toBe(201)
    const refused = await holdfast(data, ['backup', 'create', '--json'], { environment })
    expect(refused).toMatchObject({ code: 8, json: { error: 'backup_failed', message: expect.stringContaining('no space left') } })
    expect(await makes('later')).toBe(201)
    execFileSync('mount', ['-o', 'remount,size=16m', target])
    const made = await holdfast(data, ['backup', 'create', '--json'], { environment })
    expect(made.code, made.err).toBe(0)
    expect((await holdfast(data, ['backup', 'verify', '--json'], { environment })).json).toMatchObject({ ok: true, problems: [] })
    const { out } = await server.stop()
    expect(out).toContain('the log cannot be shipped')
    const preview = await holdfast(join(folder, 'empty'), ['restore', '--preview', '--json', '--from', target], {
      environment: { HOLDFAST_KEY: execFileSync('cat', [join(data, 'master.key')], { encoding: 'utf8' }).trim() },
    })
    expect(preview.code, preview.err).toBe(0)
  },
  600_000,
)
