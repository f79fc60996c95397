import { Button, Group, Modal, SegmentedControl, Select, Stack, Text, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { type FormEvent, lazy, Suspense, useState } from 'react'
import { Ask, Page, Rows, Trouble, told } from '../parts.tsx'
import { api, ask, queries } from '../server.ts'
import { type Row, text, useList } from '../use-list.ts'
import { showNumber, showTime, useWords, type Word } from '../words.ts'

const ImportUsers = lazy(() => import('./import-users.tsx').then((page) => ({ default: page.ImportUsers })))
const roles = ['owner', 'admin', 'supervisor', 'manager', 'member', 'auditor'] as const
type Role = (typeof roles)[number]

export function Users() {
  const say = useWords()
  const [search, look] = useState('')
  const [q] = useDebouncedValue(search.trim(), 250)
  const [role, filterRole] = useState<string | null>(null)
  const [state, filterState] = useState('active')
  const [open, show] = useState<Row | 'new' | 'import' | null>(null)
  const isFiltered = q !== '' || role !== null || state !== 'active'
  const list = useList('user', '/v1/users', {
    ...(q === '' ? {} : { q }),
    ...(role === null ? {} : { role }),
    ...(state === 'all' ? {} : { isActive: String(state === 'active') }),
  })
  const close = () => show(null)
  return (
    <Page
      title={say('nav.users')}
      actions={
        <>
          <Button variant="default" onClick={() => show('import')}>
            {say('users.import')}
          </Button>
          <Button onClick={() => show('new')}>{say('users.new')}</Button>
        </>
      }
    >
      <Group align="end">
        <TextInput
          className="grow"
          label={say('users.search')}
          type="search"
          value={search}
          onChange={(event) => look(event.currentTarget.value)}
        />
        <Select
          label={say('users.role')}
          data={[...roles]}
          value={role}
          onChange={filterRole}
          clearable
          clearButtonProps={{ 'aria-label': say('users.all') }}
        />
        <SegmentedControl
          aria-label={say('col.status')}
          value={state}
          onChange={filterState}
          data={(['active', 'inactive', 'all'] as const).map((value) => ({ value, label: say(`users.${value}` as Word) }))}
        />
      </Group>
      <Trouble error={list.error} retry={list.refetch} />
      <LegacyLeft />
      {!list.isPending && (
        <Rows
          label={say('nav.users')}
          rows={list.rows}
          more={list.more}
          keyOf={({ id }) => id}
          open={show}
          empty={say(isFiltered ? 'users.noMatch' : 'users.empty')}
          columns={[
            { title: say('users.username'), show: (row) => text(row.username), wide: 2 },
            { title: say('users.fullName'), show: (row) => text(row.fullName), wide: 2 },
            { title: say('users.email'), show: (row) => text(row.email), wide: 2, isMinor: true },
            { title: say('users.role'), show: (row) => text(row.role) },
            { title: say('col.status'), show: (row) => say(row.isActive === true ? 'users.active' : 'users.inactive'), isMinor: true },
          ]}
        />
      )}
      <Modal
        opened={open !== null}
        onClose={close}
        size="lg"
        title={titleOf(open, say)}
        closeButtonProps={{ 'aria-label': say('do.close') }}
      >
        {open === 'import' ? (
          <Suspense>
            <ImportUsers done={close} />
          </Suspense>
        ) : (
          open !== null && <UserForm key={open === 'new' ? 'new' : open.id} row={open === 'new' ? null : open} done={close} />
        )}
      </Modal>
    </Page>
  )
}

const titleOf = (open: Row | 'new' | 'import' | null, say: ReturnType<typeof useWords>): string =>
  open === 'new' ? say('users.new') : open === 'import' ? say('import.title') : text(open?.username) || say('nav.users')

/** The id of a username, or null; an unknown one is told. */
async function idOf(username: string, say: ReturnType<typeof useWords>): Promise<string | null> {
  if (username === '') return null
  const { items } = await ask(api.GET('/v1/users', { params: { query: { q: username, limit: 50 } } }))
  const found = items.find((user) => user.username.toLowerCase() === username.toLowerCase())
  if (found === undefined) throw new Error(say('access.unknown', { name: username }))
  return found.id
}

function UserForm({ row, done }: { row: Row | null; done: () => void }) {
  const say = useWords()
  const [given, give] = useState({
    username: text(row?.username),
    fullName: text(row?.fullName),
    email: text(row?.email),
    role: (row?.role ?? 'member') as Role,
    manager: '',
    password: '',
  })
  const [version, reread] = useState(Number(row?.version ?? 0))
  const [error, fail] = useState<unknown>(null)
  const [isBusy, busy] = useState(false)
  const [token, showToken] = useState('')
  const field = (name: keyof typeof given) => ({
    value: given[name],
    onChange: (event: { currentTarget: { value: string } }) => give({ ...given, [name]: event.currentTarget.value }),
  })
  async function save(event: FormEvent) {
    event.preventDefault()
    busy(true)
    fail(null)
    try {
      const { username, role } = given
      const body = { username, role, fullName: given.fullName || null, email: given.email || null }
      const placed = given.manager === '' ? {} : { managerId: await idOf(given.manager.trim(), say) }
      if (row === null)
        await ask(api.POST('/v1/users', { body: { ...body, ...placed, ...(given.password === '' ? {} : { password: given.password }) } }))
      else await ask(api.PATCH('/v1/users/{id}', { params: { path: { id: row.id } }, body: { ...body, ...placed, version } }))
      told(say('say.saved'))
      await queries.invalidateQueries({ queryKey: ['user'] })
      done()
    } catch (refused) {
      fail(refused)
    }
    busy(false)
  }
  const path = { params: { path: { id: row?.id ?? '' } } }
  const newest = async () => {
    const found = await ask(api.GET('/v1/users/{id}', path))
    reread(found.version)
    fail(null)
  }
  const name = given.fullName || given.username
  async function end(work: Promise<unknown>) {
    await work
    await queries.invalidateQueries({ queryKey: ['user'] })
    done()
  }
  return (
    <form onSubmit={(event) => void save(event)}>
      <Stack>
        <TextInput label={say('users.username')} required {...field('username')} />
        <TextInput label={say('users.fullName')} {...field('fullName')} />
        <TextInput label={say('users.email')} type="email" {...field('email')} />
        <Select
          label={say('users.role')}
          data={[...roles]}
          value={given.role}
          allowDeselect={false}
          onChange={(role) => give({ ...given, role: (role ?? 'member') as Role })}
        />
        <TextInput label={say('users.manager')} {...field('manager')} />
        {row === null && <TextInput label={say('users.password')} type="password" autoComplete="new-password" {...field('password')} />}
        <Trouble error={error} retry={row === null ? undefined : () => void newest()} />
        {token !== '' && (
          <Text size="sm" role="status">
            {say('users.resetShown', { name })} <code>{token}</code>
          </Text>
        )}
        <Group justify="space-between">
          {row === null ? (
            <span />
          ) : (
            <Group gap="xs">
              {row.isActive === true ? (
                <Ask
                  text={say('users.deactivateAsk', { name })}
                  action={say('users.deactivate')}
                  run={() => end(ask(api.DELETE('/v1/users/{id}', path)))}
                />
              ) : (
                <Button
                  size="xs"
                  variant="default"
                  onClick={() => void end(ask(api.PATCH('/v1/users/{id}', { ...path, body: { isActive: true, version } }))).catch(fail)}
                >
                  {say('users.activate')}
                </Button>
              )}
              <Ask
                text={say('users.endSessionsAsk', { name })}
                action={say('users.endSessions')}
                run={() => ask(api.DELETE('/v1/users/{id}/sessions', path))}
              />
              <Button
                size="xs"
                variant="default"
                onClick={() =>
                  void ask(api.POST('/v1/users/{id}/password-resets', { ...path, body: {} })).then((made) => showToken(made.token), fail)
                }
              >
                {say('users.reset')}
              </Button>
            </Group>
          )}
          <Button type="submit" loading={isBusy}>
            {say(row === null ? 'do.create' : 'do.save')}
          </Button>
        </Group>
        {row !== null && (
          <Text size="xs" c="dimmed">
            {showTime(text(row.createdAt))} · {row.id}
          </Text>
        )}
      </Stack>
    </form>
  )
}

/** How many passwords an older system's hashes still protect; nothing where there are none, or where one may not know. Counting reads every password of the tenant, so it follows no event. */
function LegacyLeft() {
  const say = useWords()
  const schemes = useQuery({
    queryKey: ['password-schemes'],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: () => ask(api.GET('/v1/password-schemes')),
  })
  const left = schemes.data?.legacy ?? 0
  if (left === 0) return null
  return (
    <Text size="sm" c="dimmed">
      {say('users.legacyLeft', { n: showNumber(left) })}
    </Text>
  )
}
