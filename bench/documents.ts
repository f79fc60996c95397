// npm run bench:documents -- --listeners 500 --rate 100 --seconds 10
// One document, many who listen, a few who type: Holdfast, durable, against stock ShareDB in memory, one after the other, twice.
import { fork } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { WebSocket } from 'ws'
import { startServer } from '../chaos/server-process.ts'
import { createReport } from './report.ts'
import { password } from './servers.ts'

const { values } = parseArgs({
  options: {
    listeners: { type: 'string', default: '500' },
    rate: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '10' },
    idle: { type: 'string', default: '2000' },
  },
})
const [listeners, rate, seconds, idle] = [values.listeners, values.rate, values.seconds, values.idle].map(Number) as [
  number,
  number,
  number,
  number,
]
const writers = 10
/** Whoever parses each of 50,000 messages a second measures itself: so many listeners look, evenly among those that are sent to first and last; the others only take. */
const looking = 20
const looks = (n: number): boolean =>
  n % Math.max(1, Math.floor(listeners / looking)) === 0 && n < looking * Math.max(1, Math.floor(listeners / looking))
const report = createReport()

type Place = { pid: number; open(n: number): Promise<WebSocket>; id: string; stop(): Promise<void> }
type Message = { a?: string; id?: string; src?: string; seq?: number; v?: number; data?: { v: number }; error?: unknown }

const cpuSeconds = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}
const residentMib = (pid: number): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN

const opened = (socket: WebSocket) =>
  new Promise<WebSocket>((resolve, reject) => {
    socket.once('open', () => resolve(socket))
    socket.once('error', reject)
    socket.once('unexpected-response', (_, { statusCode }) => reject(new Error(`refused with ${statusCode}`)))
  })
const hello = async (socket: WebSocket): Promise<string> => {
  const answer = new Promise<string>((resolve) =>
    socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as Message
      if (message.a === 'hs') resolve(message.id ?? '')
    }),
  )
  socket.send(JSON.stringify({ a: 'hs', id: null, protocol: 1, protocolMinor: 2 }))
  const id = await answer
  socket.removeAllListeners('message')
  return id
}
const follow = async (socket: WebSocket, id: string): Promise<number> => {
  const answer = new Promise<number>((resolve, reject) =>
    socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as Message
      if (message.a === 's') message.error === undefined ? resolve(message.data?.v ?? 0) : reject(new Error(JSON.stringify(message.error)))
    }),
  )
  socket.send(JSON.stringify({ a: 's', c: 'checklists', d: id }))
  const version = await answer
  socket.removeAllListeners('message')
  return version
}

async function measured({ pid, open, id }: Place) {
  const sentMs = new Map<string, number>()
  const [arrivals, acknowledgements]: [number[], number[]] = [[], []]
  const ears = await Promise.all(Array.from({ length: listeners }, (_, n) => open(n)))
  for (const [n, socket] of ears.entries()) {
    await hello(socket)
    await follow(socket, id)
    if (looks(n))
      socket.on('message', (data) => {
        const { a, src, seq } = JSON.parse(String(data)) as Message
        const sent = a === 'op' ? sentMs.get(`${src}:${seq}`) : undefined
        if (sent !== undefined) arrivals.push(performance.now() - sent)
      })
    else socket.on('message', () => undefined)
  }
  const hands = await Promise.all(
    Array.from({ length: writers }, async (_, n) => {
      const socket = await open(listeners + n)
      const src = await hello(socket)
      let version = await follow(socket, id)
      let seq = 1
      socket.on('message', (data) => {
        const message = JSON.parse(String(data)) as Message
        if (message.a !== 'op' || message.v === undefined) return
        version = Math.max(version, message.v + 1)
        if (message.src === src) acknowledgements.push(performance.now() - (sentMs.get(`${src}:${message.seq}`) ?? 0))
      })
      return {
        socket,
        type() {
          sentMs.set(`${src}:${seq}`, performance.now())
          socket.send(
            JSON.stringify({
              a: 'op',
              c: 'checklists',
              d: id,
              v: version,
              seq: seq++,
              x: {},
              op: ['items', `i${n}`, 'notes', { es: ['x'] }],
            }),
          )
        },
      }
    }),
  )
  const before = cpuSeconds(pid)
  const startedMs = performance.now()
  for (let count = 0; count < rate * seconds; count += 1) {
    hands[count % writers]?.type()
    const dueMs = startedMs + ((count + 1) * 1_000) / rate
    if (dueMs > performance.now()) await new Promise((resolve) => setTimeout(resolve, dueMs - performance.now()))
  }
  await new Promise((resolve) => setTimeout(resolve, 500))
  const cores = (cpuSeconds(pid) - before) / ((performance.now() - startedMs) / 1_000)
  for (const socket of [...ears, ...hands.map((hand) => hand.socket)]) socket.terminate()
  const [heard, acked] = [arrivals.toSorted((a, b) => a - b), acknowledgements.toSorted((a, b) => a - b)]
  const complete = heard.length / (looking * rate * seconds)
  return { p50: percentile(heard, 0.5), p95: percentile(heard, 0.95), ack: percentile(acked, 0.5), cores, complete }
}

const items = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`i${n}`, { sectionId: 's', text: `Item ${n}`, notes: '' }]))

async function reference(): Promise<Place> {
  const content = JSON.stringify({ title: 'Bench', sections: {}, items })
  const child = fork(join(import.meta.dirname, 'sharedb-reference.ts'), [content])
  const { port } = await new Promise<{ port: number }>((resolve) =>
    child.once('message', (message) => resolve(message as { port: number })),
  )
  return {
    pid: child.pid ?? 0,
    id: 'one',
    open: () => opened(new WebSocket(`ws://127.0.0.1:${port}`)),
    async stop() {
      child.kill()
      await new Promise((resolve) => child.once('exit', resolve))
    },
  }
}

async function holdfast(): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
  const environment = { HOLDFAST_OWNER_PASSWORD: password, HOLDFAST_BACKUP: 'off' }
  const server = await startServer({ folder: join(folder, 'data'), environment })
  const ask = async (method: string, path: string, token: string, body: unknown) =>
    (await (
      await fetch(`${server.base}${path}`, {
        method,
        headers: { 'content-type': 'application/json', ...(token === '' ? {} : { authorization: `Bearer ${token}` }) },
        body: JSON.stringify(body),
      })
    ).json()) as Record<string, string>
  const signIn = async (login: string) => String((await ask('POST', '/v1/sessions', '', { login, password })).accessToken)
  const owner = await signIn('owner')
  const tokens: string[] = []
  for (let n = 0; n < Math.ceil((listeners + writers + idle) / 19) + 1; n += 1) {
    await ask('POST', '/v1/users', owner, { username: `ear-${n}`, password, role: 'admin' })
    tokens.push(await signIn(`ear-${n}`))
  }
  const list = Object.keys(items).map((id) => ({ id, text: id }))
  const made = await ask('POST', '/api/checklists', owner, {
    checklistData: { title: 'Bench', sections: [{ id: 's', title: 'All', items: list }] },
  })
  return {
    pid: server.pid,
    id: String(made.checklistId),
    async open(n) {
      const { ticket = '' } = await ask('POST', '/v1/tickets', tokens[n % tokens.length] ?? '', {})
      return opened(new WebSocket(`${server.base.replace('http', 'ws')}/v1/documents?ticket=${ticket}`))
    },
    async stop() {
      await server.kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

console.log(`${availableParallelism()} cores, Node ${process.version}, ${listeners} listeners, ${rate} operations/s, ${seconds} s`)
const rounds: { theirs: Awaited<ReturnType<typeof measured>>; ours: Awaited<ReturnType<typeof measured>> }[] = []
for (let round = 0; round < 2; round += 1) {
  const stock = await reference()
  const theirs = await measured(stock)
  await stock.stop()
  const place = await holdfast()
  const ours = await measured(place)
  rounds.push({ theirs, ours })
  console.log(JSON.stringify({ theirs, ours }))
  if (round === 1 && idle > 0) {
    const before = residentMib(place.pid)
    const sockets: WebSocket[] = []
    for (let n = 0; n < idle; n += 50)
      sockets.push(...(await Promise.all(Array.from({ length: Math.min(50, idle - n) }, (_, at) => place.open(n + at)))))
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    report.plain(`memory of ${idle} idle sockets`, residentMib(place.pid) - before, 'MiB', { max: 150 })
    for (const socket of sockets) socket.terminate()
  }
  await place.stop()
}
const mean = (pick: (round: (typeof rounds)[number]) => number) => rounds.reduce((sum, round) => sum + pick(round), 0) / rounds.length
report.ratio(
  'send to receive, p50, against stock ShareDB',
  mean(({ ours, theirs }) => ours.p50 / theirs.p50),
  { max: 1.2 },
)
report.ratio(
  'send to receive, p95',
  mean(({ ours, theirs }) => ours.p95 / theirs.p95),
  { max: 1.2 },
)
report.ratio(
  'server CPU',
  mean(({ ours, theirs }) => ours.cores / theirs.cores),
  { max: 1 },
)
report.plain(
  'acknowledgement, p50',
  mean(({ ours }) => ours.ack),
  'ms',
)
report.plain('messages that arrived', mean(({ ours }) => ours.complete) * 100, '%', { min: 100 })
