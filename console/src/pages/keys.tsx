import { Alert, Button, Code, Group, Select, TextInput } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import { Ask, Page, Rows, Trouble } from '../parts.tsx'
import { api, ask, queries } from '../server.ts'
import { text, useList } from '../use-list.ts'
import { showTime, useWords } from '../words.ts'

const roles = ['admin', 'supervisor', 'manager', 'member', 'auditor'] as const

export function Keys() {
  const say = useWords()
  const list = useList('api_key', '/v1/api-keys')
  const [name, call] = useState('')
  const [role, choose] = useState<(typeof roles)[number]>('member')
  const [made, show] = useState('')
  const [error, fail] = useState<unknown>(null)
  const fresh = () => queries.invalidateQueries({ queryKey: ['api_key'] })
  async function create(event: FormEvent) {
    event.preventDefault()
    fail(null)
    await ask(api.POST('/v1/api-keys', { body: { name, role } })).then(async ({ key }) => {
      show(key)
      call('')
      await fresh()
    }, fail)
  }
  return (
    <Page title={say('nav.keys')}>
      <form onSubmit={(event) => void create(event)}>
        <Group align="end">
          <TextInput label={say('keys.name')} required value={name} onChange={(event) => call(event.currentTarget.value)} />
          <Select
            label={say('users.role')}
            data={[...roles]}
            value={role}
            allowDeselect={false}
            onChange={(value) => choose((value ?? 'member') as typeof role)}
          />
          <Button type="submit">{say('keys.new')}</Button>
        </Group>
      </form>
      {made !== '' && (
        <Alert role="status" color="teal">
          {say('keys.shown')} <Code>{made}</Code>
        </Alert>
      )}
      <Trouble error={error ?? list.error} retry={list.refetch} />
      {!list.isPending && (
        <Rows
          label={say('nav.keys')}
          rows={list.rows}
          more={list.more}
          keyOf={({ id }) => id}
          empty={say('keys.empty')}
          columns={[
            { title: say('keys.name'), show: (row) => text(row.name), wide: 2 },
            { title: say('users.role'), show: (row) => text(row.role) },
            { title: say('backups.created'), show: (row) => showTime(text(row.createdAt)), isMinor: true, wide: 2 },
            {
              title: say('do.remove'),
              show: (row) => (
                <Ask
                  text={say('keys.removeAsk', { name: text(row.name) })}
                  action={say('do.remove')}
                  run={async () => {
                    await ask(api.DELETE('/v1/api-keys/{id}', { params: { path: { id: row.id } } }))
                    await fresh()
                  }}
                />
              ),
            },
          ]}
        />
      )}
    </Page>
  )
}
