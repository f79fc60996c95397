import { Button, Group, Select } from '@mantine/core'
import { useState } from 'react'
import { Ask, Page, Rows, Trouble } from '../parts.tsx'
import { api, ask } from '../server.ts'
import { type Row, text, useList } from '../use-list.ts'
import { showTime, useWords, type Word } from '../words.ts'

const states = ['queued', 'running', 'done', 'dead', 'cancelled'] as const
const wordOf = (state: unknown): Word => `jobs.${states.find((known) => known === state) ?? 'queued'}`

function Steer({ job, steered }: { job: Row; steered: () => void }) {
  const say = useWords()
  const [error, fail] = useState<unknown>(null)
  const params = { path: { id: job.id } }
  if (job.state === 'queued' || job.state === 'running')
    return (
      <Ask
        text={say('jobs.cancelLoses', { kind: text(job.kind) })}
        action={say('jobs.cancel')}
        run={() => ask(api.POST('/v1/jobs/{id}/cancel', { params })).then(steered)}
      />
    )
  if (job.state !== 'dead' && job.state !== 'cancelled') return null
  return (
    <Group gap={4}>
      <Button size="xs" variant="default" onClick={() => void ask(api.POST('/v1/jobs/{id}/retry', { params })).then(steered, fail)}>
        {say('jobs.retry')}
      </Button>
      <Trouble error={error} />
    </Group>
  )
}

/** Work in the background. Jobs are no part of the log, so no event tells of them: the list is read again when the page is looked at. */
export function Jobs() {
  const say = useWords()
  const [state, choose] = useState<string | null>(null)
  const list = useList('job', '/v1/jobs', state === null ? {} : { state })
  return (
    <Page
      title={say('nav.jobs')}
      actions={
        <Button size="xs" variant="default" onClick={list.refetch}>
          {say('jobs.refresh')}
        </Button>
      }
    >
      <Select
        label={say('col.status')}
        placeholder={say('jobs.every')}
        data={states.map((value) => ({ value, label: say(wordOf(value)) }))}
        value={state}
        onChange={choose}
        maw={240}
      />
      <Trouble error={list.error} retry={list.refetch} />
      {!list.isPending && list.error === null && (
        <Rows
          label={say('nav.jobs')}
          rows={list.rows}
          more={list.more}
          keyOf={({ id }) => id}
          empty={say('jobs.empty')}
          columns={[
            { title: say('jobs.kind'), show: (row) => text(row.kind), wide: 2 },
            { title: say('col.status'), show: (row) => say(wordOf(row.state)) },
            { title: say('jobs.due'), show: (row) => showTime(text(row.endedAt ?? row.runAt)), wide: 2, isMinor: true },
            { title: say('jobs.attempts'), show: (row) => `${text(row.attempts)} / ${text(row.maxAttempts)}`, isMinor: true },
            { title: say('jobs.error'), show: (row) => text(row.lastError), wide: 2, isMinor: true },
            { title: say('jobs.do'), show: (row) => <Steer job={row} steered={list.refetch} />, wide: 2 },
          ]}
        />
      )}
    </Page>
  )
}
