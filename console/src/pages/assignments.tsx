import { Button, Group, Select, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { lazy, Suspense, useState } from 'react'
import { Ask, Page, Rows, Trouble, told } from '../parts.tsx'
import { queries, read, send } from '../server.ts'
import { showNumber, useWords } from '../words.ts'

const Loads = lazy(() => import('./loads-chart.tsx').then((page) => ({ default: page.Loads })))

type Person = {
  id: string
  email: string | null
  first_name: string | null
  last_name: string | null
  status: string
  role: string
  contacts_count: number
  campaigns_count: number
  assignable: boolean
}
type HandedOut = { assignments_created: number; distribution: Record<string, number>; failed_count: number; batch_id: string | null }
type HandedOver = { moved: number; batchId: string | null }

/** More people than this are for a program; the newest are shown. */
const most = 20_000

async function everybody(): Promise<{ people: Person[]; isCut: boolean }> {
  const people: Person[] = []
  for (let cursor: string | undefined; ; ) {
    const page = (await read('/api/admin/users', { cursor })) as unknown as { data: Person[]; next_cursor?: string | null }
    people.push(...page.data)
    cursor = page.next_cursor ?? undefined
    if (cursor === undefined || people.length >= most) return { people, isCut: cursor !== undefined }
  }
}

/** The usernames of as many as a page of names has; the rest are known by name or address. */
async function usernames(): Promise<Map<string, string>> {
  const { items } = await read('/v1/users', { limit: 200 })
  return new Map(items.map(({ id, username }) => [String(id), String(username)]))
}
const fresh = () => Promise.all(['workload', 'contact', 'hand_out'].map((type) => queries.invalidateQueries({ queryKey: [type] })))

/** Who has how much, fair hand-outs, and what becomes of the contacts of somebody who leaves; each with its undo. */
export function Assignments() {
  const say = useWords()
  const list = useQuery({
    queryKey: ['workload', 'people'],
    queryFn: everybody,
  })
  const names = useQuery({ queryKey: ['user', 'usernames'], queryFn: usernames })
  const nameOf = ({ first_name, last_name, email, id }: Person): string =>
    [first_name, last_name].filter((part) => part !== null).join(' ') || email || names.data?.get(id) || id.slice(0, 8)
  const [mode, choose] = useState('round_robin')
  const [batch, keep] = useState<string | null>(null)
  const [leaver, leave] = useState<string | null>(null)
  const [to, give] = useState('manager')
  const [error, fail] = useState<unknown>(null)
  const people = (list.data?.people ?? []).filter(
    ({ status, role, contacts_count }) => (status === 'active' && role !== 'auditor') || contacts_count > 0,
  )
  const run = async (call: Promise<unknown>, said: (answer: never) => string) => {
    fail(null)
    await call.then(async (answer) => {
      told(said(answer as never))
      await fresh()
    }, fail)
  }
  return (
    <Page title={say('nav.assignments')}>
      <Trouble error={list.error} retry={() => void list.refetch()} />
      {people.length > 0 && (
        <Suspense>
          <Loads label={say('assign.chart')} people={people.map((one) => ({ name: nameOf(one), contacts: one.contacts_count }))} />
        </Suspense>
      )}
      <Title order={2} size="h4">
        {say('assign.handOut')}
      </Title>
      <Group align="end">
        <Select
          label={say('assign.how')}
          value={mode}
          allowDeselect={false}
          data={[
            { value: 'round_robin', label: say('assign.turns') },
            { value: 'lead_score', label: say('assign.score') },
          ]}
          onChange={(value) => choose(value ?? 'round_robin')}
        />
        <Button
          onClick={() =>
            void run(
              send('POST', '/api/admin/contacts/bulk-assign', { assignment_mode: mode, filter: { owner: 'none' } }).then((answer) => {
                keep((answer as HandedOut).batch_id)
                return answer
              }),
              (answer: HandedOut) => say('assign.handedOut', { n: showNumber(answer.assignments_created) }),
            )
          }
        >
          {say('assign.go')}
        </Button>
        {batch !== null && (
          <Button
            variant="default"
            onClick={() =>
              void run(send('POST', `/v1/hand-outs/${batch}/undo`, {}), ({ undone }: { undone: number }) => {
                keep(null)
                return say('assign.undone', { n: showNumber(undone) })
              })
            }
          >
            {say('assign.undo')}
          </Button>
        )}
      </Group>
      <Title order={2} size="h4">
        {say('assign.leaver')}
      </Title>
      <Stack gap="xs" maw={520}>
        <Group align="end">
          <Select
            searchable
            limit={100}
            label={say('assign.who')}
            data={people.map((one) => ({ value: one.id, label: `${nameOf(one)} (${one.contacts_count})` }))}
            value={leaver}
            onChange={leave}
          />
          <Select
            label={say('assign.to')}
            value={to}
            allowDeselect={false}
            data={[
              { value: 'manager', label: say('assign.manager') },
              { value: 'others', label: say('assign.others') },
              { value: 'pool', label: say('assign.pool') },
            ]}
            onChange={(value) => give(value ?? 'manager')}
          />
          {leaver !== null && (
            <Ask
              text={say('assign.handOverAsk', { n: people.find(({ id }) => id === leaver)?.contacts_count ?? 0 })}
              action={say('assign.handOver')}
              run={async () => {
                const answer = (await send('POST', `/v1/users/${leaver}/hand-over`, { to })) as unknown as HandedOver
                keep(answer.batchId)
                told(say('assign.handedOut', { n: showNumber(answer.moved) }))
                await fresh()
              }}
            />
          )}
        </Group>
        <Trouble error={error} />
      </Stack>
      {list.data?.isCut === true && <Text c="dimmed">{say('assign.cut', { n: showNumber(most) })}</Text>}
      <Rows
        label={say('nav.assignments')}
        rows={people}
        keyOf={({ id }) => id}
        empty={say('assign.empty')}
        columns={[
          { title: say('users.fullName'), show: nameOf, wide: 2 },
          { title: say('nav.contacts'), show: (row) => showNumber(row.contacts_count) },
          { title: say('nav.campaigns'), show: (row) => showNumber(row.campaigns_count), isMinor: true },
          { title: say('assign.gets'), show: (row) => (row.assignable && row.status === 'active' ? '✓' : '–') },
        ]}
      />
      <Text size="sm" c="dimmed">
        {say('assign.hint')}
      </Text>
    </Page>
  )
}
