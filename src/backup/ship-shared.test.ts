import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { covering, listSegments } from './coverage.ts'
import { folderTarget } from './folder/target.ts'
import { backupKeysOf } from './keys.ts'
import { parseHeadName } from './names.ts'
import { createShipper, type Shipper } from './ship.ts'

const keys = await backupKeysOf(Buffer.alloc(32, 5), [])

let server: TestServer
let token: string
let folder: string
let shippers: Shipper[]

/** Two processes on one storage, as far as shipping knows. */
beforeEach(async () => {
  server = await startTestServer()
  token = await server.signIn()
  folder = join(mkdtempSync(join(tmpdir(), 'holdfast-shared-')), 'backups')
  const { storage, services, clock } = server.holdfast.runtime
  const parts = { storage, keys, clock, logKeys: services.keys, log: services.log, mode: 'async' as const, isShared: true }
  shippers = [0, 1].map(() => createShipper({ ...parts, targets: [folderTarget(folder)] }))
})
afterEach(async () => {
  await Promise.all(shippers.map((each) => each.stop()))
  await server.close()
  rmSync(join(folder, '..'), { recursive: true, force: true })
})

const createUser = (username: string) => server.send('POST', '/v1/users', { token, body: { username } })
const target = () => folderTarget(folder)
const segments = async () => [...(await listSegments(target())).values()].flat()

async function expectAllShipped(): Promise<void> {
  const found = await listSegments(target())
  for (const { stream, sequence } of (await server.holdfast.runtime.storage.platform().heads({ limit: 200 })).items)
    expect([stream, covering(found.get(stream) ?? []).end]).toEqual([stream, sequence])
}

test('what one process has shipped is not written again by the other', async () => {
  for (const each of shippers) await each.flush()
  for (const username of ['ann', 'ben', 'cid']) {
    await createUser(username)
    await shippers[0]?.flush()
    const before = await segments()
    await shippers[1]?.flush()
    expect(await segments()).toEqual(before)
  }
  await expectAllShipped()
})

test('either ships what the other has not, also when the other is gone', async () => {
  for (const each of shippers) await each.flush()
  await createUser('ann')
  await shippers[0]?.flush()
  await createUser('ben')
  await shippers[1]?.flush()
  await createUser('cid')
  await shippers[0]?.stop()
  await createUser('dan')
  shippers[1]?.start()
  const [ours] = (await server.holdfast.runtime.storage.platform().heads({ limit: 200 })).items.filter(
    ({ stream }) => stream !== 'platform',
  )
  await shippers[1]?.reached(ours?.stream ?? '', ours?.sequence ?? 0)
  await expectAllShipped()
  const shipped = (await segments()).filter(({ stream }) => stream === ours?.stream)
  expect(shipped.reduce((sum, { first, last }) => sum + last - first + 1, 0)).toBe(ours?.sequence)
})

test('no head stands in the target before its entries do, whatever is written meanwhile', async () => {
  let isOver = false
  const writing = (async () => {
    for (let n = 0; !isOver; n += 1) await createUser(`user-${n}`)
  })()
  for (const each of shippers) each.start()
  for (let round = 0; round < 5; round += 1) {
    await shippers[round % 2]?.flush()
    const heads = readdirSync(join(folder, 'heads'), { recursive: true, encoding: 'utf8' }).flatMap(
      (name) => parseHeadName(`heads/${name}`) ?? [],
    )
    const found = await listSegments(target())
    for (const { stream, sequence } of heads) expect(covering(found.get(stream) ?? []).end).toBeGreaterThanOrEqual(sequence)
  }
  isOver = true
  await writing
})
