import { Alert, Button, Code, Group, Modal, Stack, Switch, TextInput } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import { Page, Rows, Trouble, told } from '../parts.tsx'
import { queries, send } from '../server.ts'
import { type Row, text, useList } from '../use-list.ts'
import { useWords } from '../words.ts'

const fresh = () => queries.invalidateQueries({ queryKey: ['tenant'] })
const dayOf = (value: unknown): string => text(value).slice(0, 10)

/** Customer organisations and their licences, for the staff of the platform. */
export function Tenants() {
  const say = useWords()
  const list = useList('tenant', '/v1/tenants')
  const [name, call] = useState('')
  const [owner, invite] = useState('')
  const [made, show] = useState<{ username: string; password: string } | null>(null)
  const [open, edit] = useState<Row | null>(null)
  const [error, fail] = useState<unknown>(null)
  async function create(event: FormEvent) {
    event.preventDefault()
    fail(null)
    await send('POST', '/v1/tenants', { name, ...(owner === '' ? {} : { ownerUsername: owner }) }).then(async (answer) => {
      const { ownerPassword } = answer as unknown as { ownerPassword: string | null }
      if (ownerPassword !== null) show({ username: owner, password: ownerPassword })
      call('')
      invite('')
      await fresh()
    }, fail)
  }
  return (
    <Page title={say('nav.tenants')}>
      <form onSubmit={(event) => void create(event)}>
        <Group align="end">
          <TextInput label={say('tenants.name')} required value={name} onChange={(event) => call(event.currentTarget.value)} />
          <TextInput label={say('tenants.owner')} value={owner} onChange={(event) => invite(event.currentTarget.value)} />
          <Button type="submit">{say('tenants.new')}</Button>
        </Group>
      </form>
      {made !== null && (
        <Alert role="status" color="teal">
          {say('tenants.password', { name: made.username })} <Code>{made.password}</Code>
        </Alert>
      )}
      <Trouble error={error ?? list.error} retry={list.refetch} />
      {!list.isPending && (
        <Rows
          label={say('nav.tenants')}
          rows={list.rows}
          more={list.more}
          keyOf={({ id }) => id}
          open={edit}
          empty={say('tenants.empty')}
          columns={[
            { title: say('tenants.name'), show: (row) => text(row.name), wide: 2 },
            { title: say('tenants.key'), show: (row) => text(row.key), isMinor: true },
            { title: say('tenants.valid'), show: (row) => `${dayOf(row.validFrom)} – ${dayOf(row.validTo)}`, wide: 2 },
            { title: say('col.status'), show: (row) => say(row.isActive === true ? 'users.active' : 'users.inactive') },
          ]}
        />
      )}
      <Modal
        opened={open !== null}
        onClose={() => edit(null)}
        title={text(open?.name)}
        closeButtonProps={{ 'aria-label': say('do.close') }}
      >
        {open !== null && <Licence row={open} done={() => edit(null)} />}
      </Modal>
    </Page>
  )
}

function Licence({ row, done }: { row: Row; done: () => void }) {
  const say = useWords()
  const [name, call] = useState(text(row.name))
  const [from, begin] = useState(dayOf(row.validFrom))
  const [to, end] = useState(dayOf(row.validTo))
  const [isActive, activate] = useState(row.isActive === true)
  const [error, fail] = useState<unknown>(null)
  async function save(event: FormEvent) {
    event.preventDefault()
    fail(null)
    const body = {
      version: row.version,
      name,
      isActive,
      validFrom: from === '' ? null : `${from}T00:00:00.000Z`,
      validTo: to === '' ? null : `${to}T23:59:59.999Z`,
    }
    await send('PATCH', `/v1/tenants/${row.id}`, body).then(async () => {
      told(say('say.saved'))
      done()
      await fresh()
    }, fail)
  }
  return (
    <form onSubmit={(event) => void save(event)}>
      <Stack>
        <TextInput label={say('tenants.name')} required value={name} onChange={(event) => call(event.currentTarget.value)} />
        <Group grow>
          <TextInput type="date" label={say('tenants.from')} value={from} onChange={(event) => begin(event.currentTarget.value)} />
          <TextInput type="date" label={say('tenants.to')} value={to} onChange={(event) => end(event.currentTarget.value)} />
        </Group>
        <Switch
          label={say('users.active')}
          description={say('tenants.activeHint')}
          checked={isActive}
          onChange={(event) => activate(event.currentTarget.checked)}
        />
        <Trouble error={error} />
        <Button type="submit">{say('do.save')}</Button>
      </Stack>
    </form>
  )
}
