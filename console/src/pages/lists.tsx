import { Button, Group } from '@mantine/core'
import { type ReactNode, useState } from 'react'
import { type Column, Page, Rows, Trouble } from '../parts.tsx'
import { api, ask } from '../server.ts'
import { type Row, text, useList } from '../use-list.ts'
import { showTime, useWords, type Word } from '../words.ts'

type Given = { title: Word; type: string; path: string; empty: Word; columns: readonly (Column<Row> & { word?: never })[] }

function Listed({ title, type, path, empty, columns }: Given) {
  const say = useWords()
  const list = useList(type, path)
  return (
    <Page title={say(title)}>
      <Trouble error={list.error} retry={list.refetch} />
      {!list.isPending && list.error === null && (
        <Rows label={say(title)} rows={list.rows} more={list.more} keyOf={({ id }) => id} empty={say(empty)} columns={columns} />
      )}
    </Page>
  )
}

const at =
  (field: string) =>
  (row: Row): ReactNode =>
    text(row[field])

export function Tenants() {
  const say = useWords()
  return (
    <Listed
      title="nav.tenants"
      type="tenant"
      path="/v1/tenants"
      empty="tenants.empty"
      columns={[
        { title: say('tenants.name'), show: at('name'), wide: 2 },
        { title: say('tenants.key'), show: at('key'), isMinor: true },
        { title: say('tenants.valid'), show: (row) => `${text(row.validFrom).slice(0, 10)} – ${text(row.validTo).slice(0, 10)}`, wide: 2 },
        { title: say('col.status'), show: (row) => say(row.isActive === true ? 'users.active' : 'users.inactive') },
      ]}
    />
  )
}

export function Attendance() {
  const say = useWords()
  return (
    <Listed
      title="nav.attendance"
      type="attendance"
      path="/v1/attendance"
      empty="attendance.empty"
      columns={[
        { title: say('users.fullName'), show: (row) => text(row.name ?? row.employeeId), wide: 2 },
        { title: say('col.date'), show: at('date') },
        { title: say('col.status'), show: at('status') },
        { title: say('audit.what'), show: at('timingStatus'), isMinor: true },
      ]}
    />
  )
}

function Decide({ row, decided }: { row: Row; decided: () => void }) {
  const say = useWords()
  const [error, fail] = useState<unknown>(null)
  if (row.status !== 'pending') return text(row.status)
  const decide = (decision: string) =>
    void ask(api.POST('/v1/leave/{id}/decision', { params: { path: { id: row.id } }, body: { decision } })).then(decided, fail)
  return (
    <Group gap={4} wrap="nowrap">
      <Button size="compact-xs" onClick={() => decide('approve')}>
        {say('leave.approve')}
      </Button>
      <Button size="compact-xs" variant="default" onClick={() => decide('reject')}>
        {say('leave.reject')}
      </Button>
      <Trouble error={error} />
    </Group>
  )
}

export function Leave() {
  const say = useWords()
  const list = useList('leave', '/v1/leave')
  return (
    <Page title={say('nav.leave')}>
      <Trouble error={list.error} retry={list.refetch} />
      {!list.isPending && list.error === null && (
        <Rows
          label={say('nav.leave')}
          rows={list.rows}
          more={list.more}
          keyOf={({ id }) => id}
          empty={say('leave.empty')}
          columns={[
            { title: say('users.fullName'), show: (row) => text(row.name ?? row.employeeId), wide: 2 },
            { title: say('col.date'), show: (row) => `${text(row.startDate)} – ${text(row.endDate)}`, wide: 2 },
            { title: say('audit.what'), show: at('leaveType'), isMinor: true },
            { title: say('col.status'), show: (row) => <Decide row={row} decided={list.refetch} />, wide: 2 },
          ]}
        />
      )}
    </Page>
  )
}

export function Campaigns() {
  const say = useWords()
  return (
    <Listed
      title="nav.campaigns"
      type="campaign"
      path="/v1/campaigns"
      empty="campaigns.empty"
      columns={[
        { title: say('tenants.name'), show: at('name'), wide: 2 },
        { title: say('col.status'), show: at('status') },
        { title: say('backups.created'), show: (row) => showTime(text(row.createdAt)), isMinor: true },
      ]}
    />
  )
}

export function Contacts() {
  const say = useWords()
  return (
    <Listed
      title="nav.contacts"
      type="contact"
      path="/v1/contacts"
      empty="contacts.empty"
      columns={[
        { title: say('users.fullName'), show: (row) => [row.firstName, row.lastName].map(text).join(' '), wide: 2 },
        { title: say('users.email'), show: at('email'), wide: 2 },
        { title: say('tenants.name'), show: at('company'), isMinor: true },
        { title: say('col.status'), show: at('status') },
      ]}
    />
  )
}

export function Webhooks() {
  const say = useWords()
  return (
    <Listed
      title="nav.webhooks"
      type="webhook"
      path="/v1/webhooks"
      empty="webhooks.empty"
      columns={[
        { title: say('tenants.name'), show: at('name') },
        { title: say('col.url'), show: at('url'), wide: 2 },
        { title: say('col.status'), show: (row) => say(row.isActive === true ? 'users.active' : 'users.inactive') },
        { title: say('home.problems'), show: at('deadLetters'), isMinor: true },
      ]}
    />
  )
}
