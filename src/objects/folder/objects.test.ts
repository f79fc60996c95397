import { randomBytes } from 'node:crypto'
import { mkdtempSync, openSync, readSync, rmSync, statSync, writeSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AppError } from '../../kernel/errors.ts'
import { newId, type Subject } from '../contract/harness.ts'
import { runContract } from '../contract/suite.ts'
import type { SignedRequest } from '../port.ts'
import { folderObjects } from './objects.ts'

async function open(): Promise<Subject> {
  const parent = mkdtempSync(join(tmpdir(), 'holdfast-objects-'))
  const folder = join(parent, 'objects')
  let aheadMs = 0
  const signingKey = randomBytes(32)
  const make = () => folderObjects({ folder, signingKey, newId, nowMs: () => Date.now() + aheadMs })
  let objects = make()
  await objects.open()

  // our own server's part: it hands such requests to the adapter and words its refusals
  const server = createServer(async (request, response) => {
    try {
      const { method = '', url = '', headers } = request
      const answer = await objects.signed?.({ method, url, headers: headers as SignedRequest['headers'], body: request })
      if (answer === undefined) throw new Error('no signed requests')
      response.writeHead(answer.status, answer.headers)
      if (answer.body === null) response.end()
      else answer.body.pipe(response)
    } catch (error) {
      response.writeHead(error instanceof AppError ? error.status : 500).end(String(error))
    }
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))

  return {
    objects,
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    later(ms) {
      aheadMs += ms
    },
    async damage(tenantId, key) {
      const path = join(folder, tenantId, `${key}+`)
      const file = openSync(path, 'r+')
      const last = Buffer.alloc(1)
      const at = statSync(path).size - 1
      readSync(file, last, 0, 1, at)
      writeSync(file, Buffer.from([last.readUInt8(0) ^ 1]), 0, 1, at)
    },
    async reopen() {
      await objects.close()
      objects = make()
      await objects.open()
      return objects
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await objects.close()
      rmSync(parent, { recursive: true })
    },
  }
}

runContract('folder', open)
