import { createServer, type Socket } from 'node:net'

export type Letter = { from: string; to: string[]; text: string }

/** A server that takes mail (RFC 5321) and keeps it. `refuse` may give an answer to a recipient instead, such as `450 later`. */
export async function startSmtp(refuse: (to: string) => string | null = () => null) {
  const letters: Letter[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    let [from, to, body, rest]: [string, string[], string[] | null, string] = ['', [], null, '']
    const say = (line: string): void => void socket.write(`${line}\r\n`)
    say('220 sink ready')
    socket.on('data', (bytes) => {
      const lines = (rest + bytes.toString('utf8')).split('\r\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        if (body !== null) {
          if (line !== '.') body.push(line)
          else {
            letters.push({ from, to, text: body.join('\n') })
            body = null
            to = []
            say('250 taken')
          }
        } else if (/^(EHLO|HELO|RSET|NOOP)/i.test(line)) say('250 sink')
        else if (/^MAIL FROM:/i.test(line)) {
          from = /<(.*)>/.exec(line)?.[1] ?? ''
          say('250 ok')
        } else if (/^RCPT TO:/i.test(line)) {
          const address = /<(.*)>/.exec(line)?.[1] ?? ''
          const refused = refuse(address)
          if (refused === null) to.push(address)
          say(refused ?? '250 ok')
        } else if (/^DATA/i.test(line)) {
          body = []
          say('354 go on')
        } else if (/^QUIT/i.test(line)) {
          say('221 bye')
          socket.end()
        } else say('502 unknown')
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    letters,
    url: `smtp://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    close: () =>
      new Promise<void>((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  }
}
