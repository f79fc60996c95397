import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { expect, test } from 'vitest'
import { pairId } from '../../assignment/moment.ts'
import { entities } from '../../entities.ts'
import { freshDatabase, startPostgres } from '../../testing/postgres-server.ts'
import { postgres } from './engine.ts'

test('SQL clients name the row of a pair as the server does, whenever the other row was made', async () => {
  const database = await startPostgres()
  const { url, drop } = await freshDatabase(database.adminUrl)
  const storage = postgres({ url, entities })
  await storage.open()
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    // a millisecond before ids came to begin with the time, then, in 2040, and no UUIDv7
    for (const time of ['01a22018-677f-7', '01a22018-6780-7', '02036f0d-5c00-7', 'f0000000-0000-4']) {
      const [user, other] = [randomUUID(), `${time}abc-8def-0123456789ab`]
      const { rows } = await client.query('SELECT sql_pair_id($1, $2)::text AS id', [user, other])
      expect(rows, other).toEqual([{ id: pairId(user, other) }])
    }
  } finally {
    await client.end()
    await storage.close()
    await drop()
    await database.stop()
  }
})
