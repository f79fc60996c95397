import { createServer, type Server, type ServerResponse } from 'node:http'
import { verifies } from './verify.ts'

export type Received = {
  id: string
  type: string
  data: { sequence: number; action: string; [field: string]: unknown }
  isGenuine: boolean
}

export type Receiver = {
  url: string
  /** Everything that came, in order, taken or not. */
  received: Received[]
  /** What the next messages are answered with; 204 once that is used up. */
  answers: (number | ((response: ServerResponse) => void))[]
  /** Secrets that the receiver knows. */
  secrets: string[]
  /** Resolves when `enough` says so. */
  until(enough: (received: Received[]) => boolean): Promise<void>
  kill(): Promise<void>
  /** Listens on the same port again. */
  restart(): Promise<void>
}

/** A receiver of webhooks as someone else would build it. */
export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = []
  const answers: Receiver['answers'] = []
  const secrets: string[] = []
  let waiting: { enough: (received: Received[]) => boolean; done: () => void }[] = []
  let server: Server | null = null
  let port = 0

  const listen = () =>
    new Promise<void>((done) => {
      server = createServer((request, response) => {
        const chunks: Buffer[] = []
        request.on('data', (chunk: Buffer) => chunks.push(chunk))
        request.on('end', () => {
          const body = Buffer.concat(chunks).toString()
          const { type, data } = JSON.parse(body) as Pick<Received, 'type' | 'data'>
          const isGenuine = verifies(request.headers, body, secrets)
          received.push({ id: String(request.headers['webhook-id']), type, data, isGenuine })
          const answer = answers.shift() ?? 204
          if (typeof answer === 'number') response.writeHead(answer, { location: `http://127.0.0.1:${port}/elsewhere` }).end()
          else answer(response)
          waiting = waiting.filter(({ enough, done: met }) => !enough(received) || void met())
        })
      })
      server.listen(port, '127.0.0.1', () => {
        const address = server?.address()
        port = typeof address === 'object' && address !== null ? address.port : 0
        done()
      })
    })

  await listen()
  return {
    get url() {
      return `http://127.0.0.1:${port}/hook`
    },
    received,
    answers,
    secrets,
    until: (enough) => (enough(received) ? Promise.resolve() : new Promise((done) => void waiting.push({ enough, done }))),
    kill: () =>
      new Promise((done) => {
        server?.closeAllConnections()
        server?.close(() => done())
      }),
    restart: listen,
  }
}
