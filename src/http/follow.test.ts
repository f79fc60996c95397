import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { startTestServer } from '../testing/server.ts'

test('a body that breaks off is the client’s failure, not ours', async () => {
  const logging = await startTestServer({ HOLDFAST_LOG_LEVEL: 'info' })
  const mine = await logging.signIn()
  const port = Number(new URL(await logging.listen()).port)
  const head = `POST /v1/users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${mine}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"user`
  await new Promise<void>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(head, () => setTimeout(() => socket.destroy(), 100)))
    socket.on('close', () => resolve())
  })
  const lineOf = () => logging.logged.map((line) => JSON.parse(line)).find(({ operation }) => operation === 'user.create')
  await expect.poll(lineOf, { timeout: 60_000 }).toMatchObject({ outcome: 'aborted', status: 400, code: 'bad_request' })
  await logging.close()
})

test('an answer that arrives is no aborted one', async () => {
  const logging = await startTestServer({ HOLDFAST_LOG_LEVEL: 'info' })
  const base = await logging.listen()
  await (await fetch(`${base}/health`)).text()
  await logging.send('GET', '/health')
  await expect.poll(() => logging.logged.filter((line) => line.includes('/health')).length).toBe(2)
  for (const line of logging.logged.filter((one) => one.includes('/health'))) expect(JSON.parse(line).outcome).toBe('done')
  await logging.close()
})

test('work whose client left is told of when it has ended, once', async () => {
  const logging = await startTestServer({ HOLDFAST_LOG_LEVEL: 'info' })
  const mine = await logging.signIn()
  const port = Number(new URL(await logging.listen()).port)
  const body = JSON.stringify({ username: 'left', password: 'a good long passphrase' })
  const head = `POST /v1/users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${mine}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`
  await new Promise<void>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(head + body, () => setTimeout(() => socket.destroy(), 3)))
    socket.on('close', () => resolve())
  })
  const linesOf = () => logging.logged.map((line) => JSON.parse(line)).filter(({ operation }) => operation === 'user.create')
  await expect.poll(() => linesOf().length, { timeout: 60_000 }).toBe(1)
  expect(linesOf()[0]).toMatchObject({ outcome: 'aborted', status: 201 })
  const { body: users } = await logging.send('GET', '/v1/users?q=left', { token: mine })
  expect(users.items).toHaveLength(1)
  await logging.close()
})
