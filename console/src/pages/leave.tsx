import { Button, Group } from '@mantine/core'
import { useState } from 'react'
import { Ask, Page, Rows, Trouble } from '../parts.tsx'
import { api, ask } from '../server.ts'
import { type Row, text, useList } from '../use-list.ts'
import { useWords, type Word } from '../words.ts'

function Decide({ row, decided }: { row: Row; decided: () => void }) {
  const say = useWords()
  const [error, fail] = useState<unknown>(null)
  if (row.status !== 'pending') return text(row.status)
  const approve = () =>
    void ask(api.POST('/v1/leave/{id}/decision', { params: { path: { id: row.id } }, body: { decision: 'approve' } })).then(decided, fail)
  return (
    <Group gap={4} wrap="nowrap">
      <Button size="compact-xs" onClick={approve}>
        {say('leave.approve')}
      </Button>
      <Ask
        text={say('leave.rejectAsk', { name: text(row.name ?? row.employeeId), dates: `${text(row.startDate)} – ${text(row.endDate)}` })}
        action={say('leave.reject')}
        run={() =>
          ask(api.POST('/v1/leave/{id}/decision', { params: { path: { id: row.id } }, body: { decision: 'reject' } })).then(decided)
        }
      />
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
            { title: say('audit.what'), show: (row) => say(`leave.${text(row.leaveType)}` as Word), isMinor: true },
            { title: say('leave.reason'), show: (row) => text(row.reason), wide: 2, isMinor: true },
            { title: say('col.status'), show: (row) => <Decide row={row} decided={list.refetch} />, wide: 2 },
          ]}
        />
      )}
    </Page>
  )
}
