import { Alert, Button, Group, Modal, Stack, Text, TextInput, Title } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useState } from 'react'
import { Page, Rows, Trouble } from '../parts.tsx'
import { api, ask } from '../server.ts'
import { type Row, text, useList } from '../use-list.ts'
import { showNumber, showTime, useWords } from '../words.ts'

type Change = { op: string; type: string; id: string; fields: Record<string, unknown> }
type Entry = Row & {
  sequence: number
  time: string
  action: string
  actor: { name: string }
  entity: { type: string; id: string } | null
  changes: Change[]
}

/** What every write has beside it. */
const unseen = new Set(['idempotency', 'counter'])

const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))

/** What the row was before an entry: the newest earlier value of each of its fields, as far as the page of the log about it goes. */
async function before({ type, id }: Change, sequence: number): Promise<Record<string, unknown>> {
  const { items } = await ask(api.GET('/v1/audit', { params: { query: { entityType: type, entityId: id, order: 'desc', limit: 200 } } }))
  const known: Record<string, unknown> = {}
  for (const entry of items.filter((one) => one.sequence < sequence))
    for (const change of entry.changes)
      if (change.id === id) for (const [field, value] of Object.entries(change.fields ?? {})) known[field] ??= value
  return known
}

function Difference({ entry }: { entry: Entry }) {
  const say = useWords()
  const [was, show] = useState<Record<string, Record<string, unknown>>>({})
  return (
    <Stack>
      <Text size="sm">
        {showTime(entry.time)} · {entry.actor.name} · {entry.action} · {entry.sequence}
      </Text>
      {entry.changes
        .filter(({ type }) => !unseen.has(type))
        .map((change) => (
          <Stack key={`${change.type} ${change.id}`} gap={4}>
            <Title order={3} size="h6">
              {change.op} {change.type}
            </Title>
            {change.op === 'update' && was[change.id] === undefined && (
              <Button
                size="compact-xs"
                variant="default"
                onClick={() => void before(change, entry.sequence).then((found) => show({ ...was, [change.id]: found }))}
              >
                {say('audit.before')}
              </Button>
            )}
            <pre className="fields">
              {Object.entries(change.fields ?? {})
                .map(
                  ([field, value]) =>
                    `${field}: ${was[change.id] === undefined ? '' : `${shown(was[change.id]?.[field] ?? null)} → `}${shown(value)}`,
                )
                .join('\n')}
            </pre>
          </Stack>
        ))}
    </Stack>
  )
}

export function Audit() {
  const say = useWords()
  const [action, filterAction] = useState('')
  const [type, filterType] = useState('')
  const [filters] = useDebouncedValue({ action: action.trim(), type: type.trim() }, 300)
  const list = useList('audit', '/v1/audit', {
    order: 'desc',
    ...(filters.action === '' ? {} : { action: filters.action }),
    ...(filters.type === '' ? {} : { entityType: filters.type }),
  })
  const [open, show] = useState<Row | null>(null)
  const [verdict, judge] = useState<{ isWhole: boolean; n: number } | null>(null)
  const [error, fail] = useState<unknown>(null)
  const [isBusy, busy] = useState(false)
  async function verify() {
    busy(true)
    fail(null)
    await ask(api.GET('/v1/integrity')).then((found) => {
      const n = found.problems.length + found.rows.mismatched
      judge(n === 0 ? { isWhole: true, n: found.log.entries } : { isWhole: false, n })
    }, fail)
    busy(false)
  }
  return (
    <Page
      title={say('nav.audit')}
      actions={
        <Button variant="default" loading={isBusy} onClick={() => void verify()}>
          {say('audit.verify')}
        </Button>
      }
    >
      {verdict && (
        <Alert color={verdict.isWhole ? 'teal' : 'red'} role="status">
          {say(verdict.isWhole ? 'audit.chain' : 'audit.broken', { n: showNumber(verdict.n) })}
        </Alert>
      )}
      <Group>
        <TextInput
          label={say('audit.action')}
          placeholder="user.create"
          value={action}
          onChange={(event) => filterAction(event.currentTarget.value)}
        />
        <TextInput label={say('audit.type')} placeholder="user" value={type} onChange={(event) => filterType(event.currentTarget.value)} />
      </Group>
      <Trouble error={error ?? list.error} retry={list.refetch} />
      {!list.isPending && (
        <Rows
          label={say('nav.audit')}
          rows={list.rows}
          more={list.more}
          keyOf={(row) => text(row.sequence)}
          open={show}
          empty={say('audit.empty')}
          columns={[
            { title: say('audit.action'), show: (row) => text(row.action), wide: 2 },
            { title: say('audit.actor'), show: (row) => (row as Entry).actor.name },
            { title: say('audit.what'), show: (row) => text((row as Entry).entity?.type), isMinor: true },
            { title: say('audit.when'), show: (row) => showTime(text(row.time)), wide: 2 },
          ]}
        />
      )}
      <Modal
        opened={open !== null}
        onClose={() => show(null)}
        size="lg"
        title={text(open?.action) || say('nav.audit')}
        closeButtonProps={{ 'aria-label': say('do.close') }}
      >
        {open !== null && <Difference entry={open as Entry} />}
      </Modal>
    </Page>
  )
}
