import { startS3Server } from '../../testing/s3-server.ts'
import type { Subject } from '../contract/harness.ts'
import { runContract } from '../contract/suite.ts'
import { s3Objects } from './objects.ts'

const opening = (prefix: string) => async (): Promise<Subject> => {
  const server = await startS3Server({ files: {} })
  const { endpoint, region, credentials } = server
  const make = () => s3Objects({ bucket: 'files', prefix, endpoint, region, credentials })
  let objects = make()
  await objects.open()
  return {
    objects,
    origin: endpoint,
    later(ms) {
      server.aheadMs += ms
    },
    damage: async (tenantId, key) => server.damage('files', [prefix, tenantId, key].filter(Boolean).join('/')),
    async reopen() {
      await objects.close()
      objects = make()
      await objects.open()
      return objects
    },
    async close() {
      await objects.close()
      await server.close()
    },
  }
}

runContract('s3', opening('holdfast/files'))
