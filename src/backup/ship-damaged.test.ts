import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startTestServer } from '../testing/server.ts'
import { tamper } from '../testing/tamper.ts'
import { listSegments } from './coverage.ts'
import { folderTarget } from './folder/target.ts'
import { backupKeysOf } from './keys.ts'
import { createShipper } from './ship.ts'

test('a log that lacks entries is not shipped as if it were whole', async () => {
  const server = await startTestServer()
  try {
    const token = await server.signIn()
    const commits: string[] = []
    for (const username of ['ann', 'ben', 'cid'])
      commits.push(String((await server.send('POST', '/v1/users', { token, body: { username } })).headers['holdfast-commit']))
    const [stream = '', sequence = ''] = (commits[1] ?? '').split('/')
    await tamper(server, {
      sql: `DELETE FROM log WHERE stream = '${stream}' AND sequence = ${sequence}`,
      table: 'audit-log',
      change: (item) => (item.stream?.S === stream && item.sequence?.N === sequence ? null : item),
    })

    const { storage, services, clock } = server.holdfast.runtime
    const target = folderTarget(join(server.folder, 'target'))
    const keys = await backupKeysOf(Buffer.alloc(32, 5), [])
    const shipper = createShipper({ storage, logKeys: services.keys, keys, log: services.log, clock, mode: 'async', targets: [target] })
    await expect(shipper.flush()).rejects.toMatchObject({ code: 'log_damaged' })
    expect((await listSegments(target)).get(stream)).toBeUndefined()
    await shipper.stop()
  } finally {
    await server.close()
  }
})
