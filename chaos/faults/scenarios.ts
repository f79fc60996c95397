import { runCommand } from '../command.ts'
import { loginPassword } from '../operations.ts'
import { type Body, type Client, type Credential, connectTo, type Reply } from '../requests.ts'
import { ownerPassword, type Server, type ServerOptions } from '../server-process.ts'

/** What a scenario works with, on whichever server runs now. */
export type Stage = { client: Client; owner: Credential; options: ServerOptions }

/** `done`: acknowledged; `refused`: with a status; `lost`: no reply. `prepared` is what `prepare` gave. */
export type Acted = { result: 'done' | 'refused' | 'lost'; status: number | null; token: string; prepared: string }

/** One act that is struck at each of its steps. Afterwards its state is `before` or `after`; anything else is told in words. */
export type Scenario = {
  name: string
  /** Before anything is struck. `mark` is different each time. */
  prepare(stage: Stage, mark: string): Promise<string>
  act(stage: Stage, mark: string): Promise<Omit<Acted, 'prepared'>>
  state(stage: Stage, mark: string, acted: Acted): Promise<'before' | 'after' | string>
  /** Does it again where that is promised to have exactly one effect; null = fine. */
  again?(stage: Stage, mark: string): Promise<string | null>
}

const actedOf = (reply: Reply | null, token = ''): Omit<Acted, 'prepared'> => ({
  result: reply === null ? 'lost' : reply.status < 300 ? 'done' : 'refused',
  status: reply?.status ?? null,
  token,
})

const itemsOf = (reply: Reply | null): Body[] => (reply?.body.items ?? []) as Body[]

/** `q` finds parts of names too. */
const named = (reply: Reply | null, username: string): Body[] => itemsOf(reply).filter((item) => item.username === username)

const signUpBody = (mark: string) => ({ username: mark, email: `${mark}@example.org`, fullName: mark })

export const signUp: Scenario = {
  name: 'sign-up',
  prepare: async () => '',
  act: async ({ client, owner }, mark) =>
    actedOf(await client.send('POST', '/v1/users', { credential: owner, key: `key-of-${mark}`, body: signUpBody(mark) })),
  async state({ client, owner }, mark) {
    const found = named(await client.send('GET', `/v1/users?q=${mark}&limit=200`, { credential: owner }), mark)
    const [user] = found
    if (user === undefined) return 'before'
    const isWhole = found.length === 1 && user.username === mark && user.email === `${mark}@example.org` && user.version === 1
    return isWhole ? 'after' : `there are ${found.length} users: ${JSON.stringify(found)}`
  },
  async again({ client, owner }, mark) {
    const reply = await client.send('POST', '/v1/users', { credential: owner, key: `key-of-${mark}`, body: signUpBody(mark) })
    const found = named(await client.send('GET', `/v1/users?q=${mark}&limit=200`, { credential: owner }), mark)
    if (reply?.status === 201 && found.length === 1 && found[0]?.id === reply.body.id) return null
    return `sent again with its key it was answered ${reply?.status}, and there are ${found.length} users`
  },
}

/** A sign-in that was acknowledged holds; one that was not has left nothing that anyone could use. */
const openSession: Scenario = {
  name: 'session-create',
  async prepare({ client, owner }, mark) {
    const made = await client.send('POST', '/v1/users', { credential: owner, body: { username: mark, password: loginPassword } })
    if (made?.status !== 201) throw new Error(`A user to sign in was answered ${made?.status}`)
    return ''
  },
  async act({ client }, mark) {
    const reply = await client.send('POST', '/v1/sessions', { body: { login: mark, password: loginPassword } })
    return actedOf(reply, String(reply?.body.refreshToken ?? ''))
  },
  async state({ client }, mark, { result, token }) {
    if (result === 'done') {
      const refreshed = await client.send('POST', '/v1/sessions/refresh', { body: { refreshToken: token } })
      return refreshed?.status === 200 ? 'after' : `its refresh token was answered ${refreshed?.status}`
    }
    const anew = await client.send('POST', '/v1/sessions', { body: { login: mark, password: loginPassword } })
    if (anew?.status !== 201) return `signing in was answered ${anew?.status}`
    const sessions = itemsOf(await client.send('GET', '/v1/sessions', { credential: { bearer: String(anew.body.accessToken) } }))
    return sessions.length === 1 ? 'before' : sessions.length === 2 ? 'after' : `there are ${sessions.length} sessions`
  },
}

type Keys = { items: { purpose: string; state: string }[] }

/** Both keys change in one commit, and what the former ones signed stays good. */
const rotateKeys: Scenario = {
  name: 'key-rotate',
  prepare: async ({ options }) => String((await keysOf(options)).length),
  async act({ options }) {
    const { code } = await runCommand(options, 'keys', 'rotate', '--json')
    return { result: code === 0 ? 'done' : 'lost', status: code, token: '' }
  },
  async state({ client, owner, options }, _mark, { prepared }) {
    const me = await client.send('GET', '/v1/me', { credential: owner })
    if (me?.status !== 200) return `an access token of the former key was answered ${me?.status}`
    const keys = await keysOf(options)
    const active = keys.filter(({ state }) => state === 'active').map(({ purpose }) => purpose)
    if (active.sort().join() !== 'log,token') return `active are the keys for ${active.join() || 'nothing'}`
    const added = keys.length - Number(prepared)
    return added === 0 ? 'before' : added === 2 ? 'after' : `${added} keys were added`
  },
}

async function keysOf(options: ServerOptions): Promise<Keys['items']> {
  const { code, document, words } = await runCommand(options, 'keys', 'list', '--json')
  if (code !== 0) throw new Error(`keys list ended with ${code}: ${words}`)
  return (document as Keys).items
}

export const scenarios: readonly Scenario[] = [signUp, openSession, rotateKeys]

/** The owner's access token from a fresh sign-in. */
export async function signInOwner(client: Client): Promise<Credential> {
  const reply = await client.send('POST', '/v1/sessions', { body: { login: 'owner', password: ownerPassword } })
  if (reply?.status !== 201) throw new Error(`The owner's sign-in was answered ${reply?.status} ${JSON.stringify(reply?.body ?? null)}`)
  return { bearer: String(reply.body.accessToken) }
}

/** Some work on a server, as its owner. */
export async function onStage<T>({ base }: Server, options: ServerOptions, work: (stage: Stage) => Promise<T>): Promise<T> {
  const client = connectTo(base)
  try {
    return await work({ client, owner: await signInOwner(client), options })
  } finally {
    client.close()
  }
}
