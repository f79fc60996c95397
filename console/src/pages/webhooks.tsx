import { Alert, Button, Code, Group, Modal, NumberInput, Stack, Switch, TextInput } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import { Ask, Page, Rows, Trouble, told } from '../parts.tsx'
import { queries, send } from '../server.ts'
import { type Row, text, useList } from '../use-list.ts'
import { useWords } from '../words.ts'

const fresh = () => queries.invalidateQueries({ queryKey: ['webhook'] })

/** Where changes are told to other systems: make, switch off and on, send again what was given up, take away. */
export function Webhooks() {
  const say = useWords()
  const list = useList('webhook', '/v1/webhooks')
  const [name, call] = useState('')
  const [url, lead] = useState('')
  const [events, want] = useState('*')
  const [secret, show] = useState('')
  const [again, replay] = useState<Row | null>(null)
  const [error, fail] = useState<unknown>(null)
  async function create(event: FormEvent) {
    event.preventDefault()
    fail(null)
    const wanted = events.split(/[\s,]+/).filter((one) => one !== '')
    await send('POST', '/v1/webhooks', { name, url, events: wanted }).then(async (made) => {
      show((made as unknown as { secret: string }).secret)
      call('')
      lead('')
      await fresh()
    }, fail)
  }
  const act = (work: Promise<unknown>) =>
    void work.then(async () => {
      told(say('say.saved'))
      await fresh()
    }, fail)
  return (
    <Page title={say('nav.webhooks')}>
      <form onSubmit={(event) => void create(event)}>
        <Stack maw={760} gap="xs">
          <Group align="end" grow>
            <TextInput label={say('keys.name')} required value={name} onChange={(event) => call(event.currentTarget.value)} />
            <TextInput label={say('col.url')} type="url" required value={url} onChange={(event) => lead(event.currentTarget.value)} />
          </Group>
          <Group align="end">
            <TextInput
              label={say('webhooks.events')}
              description={say('webhooks.eventsHint')}
              required
              value={events}
              onChange={(event) => want(event.currentTarget.value)}
            />
            <Button type="submit">{say('webhooks.new')}</Button>
          </Group>
        </Stack>
      </form>
      {secret !== '' && (
        <Alert role="status" color="teal">
          {say('webhooks.secret')} <Code>{secret}</Code>
        </Alert>
      )}
      <Trouble error={error ?? list.error} retry={list.refetch} />
      {!list.isPending && (
        <Rows
          label={say('nav.webhooks')}
          rows={list.rows}
          more={list.more}
          keyOf={({ id }) => id}
          empty={say('webhooks.empty')}
          columns={[
            { title: say('keys.name'), show: (row) => text(row.name) },
            { title: say('col.url'), show: (row) => text(row.url), wide: 2, isMinor: true },
            {
              title: say('users.active'),
              show: (row) => (
                <Switch
                  aria-label={`${say('users.active')}: ${text(row.name)}`}
                  checked={row.isActive === true}
                  onChange={(event) =>
                    act(send('PATCH', `/v1/webhooks/${row.id}`, { version: row.version, isActive: event.currentTarget.checked }))
                  }
                />
              ),
            },
            { title: say('webhooks.dead'), show: (row) => <Dead row={row} act={act} /> },
            {
              title: say('do.remove'),
              wide: 2,
              show: (row) => (
                <Group gap="xs" wrap="nowrap">
                  <Button
                    size="xs"
                    variant="default"
                    aria-label={`${say('webhooks.replay')}: ${text(row.name)}`}
                    onClick={() => replay(row)}
                  >
                    {say('webhooks.replay')}
                  </Button>
                  <Ask
                    text={say('webhooks.removeAsk', { name: text(row.name) })}
                    action={say('do.remove')}
                    run={() => send('DELETE', `/v1/webhooks/${row.id}`, undefined).then(fresh)}
                  />
                </Group>
              ),
            },
          ]}
        />
      )}
      {again !== null && <Replay row={again} close={() => replay(null)} />}
    </Page>
  )
}

/** Sends the log again from an entry on: for a receiver that lost what it had. */
function Replay({ row, close }: { row: Row; close: () => void }) {
  const say = useWords()
  const [after, from] = useState<number | string>(0)
  const [error, fail] = useState<unknown>(null)
  async function go(event: FormEvent) {
    event.preventDefault()
    fail(null)
    await send('POST', `/v1/webhooks/${row.id}/replay`, { after: Number(after) }).then(async () => {
      told(say('webhooks.replayed'))
      close()
      await fresh()
    }, fail)
  }
  return (
    <Modal
      opened
      onClose={close}
      title={`${say('webhooks.replay')}: ${text(row.name)}`}
      closeButtonProps={{ 'aria-label': say('do.close') }}
    >
      <form onSubmit={(event) => void go(event)}>
        <Stack>
          <NumberInput
            label={say('webhooks.after')}
            description={say('webhooks.afterHint', { n: Number(row.position) })}
            min={0}
            allowDecimal={false}
            required
            value={after}
            onChange={from}
          />
          <Trouble error={error} />
          <Group justify="end">
            <Button variant="default" onClick={close}>
              {say('do.cancel')}
            </Button>
            <Button type="submit" disabled={after === ''}>
              {say('webhooks.replay')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}

function Dead({ row, act }: { row: Row; act: (work: Promise<unknown>) => void }) {
  const say = useWords()
  const count = Number(row.deadLetters ?? 0)
  if (count === 0) return '0'
  return (
    <Group gap={4} wrap="nowrap">
      {count}
      <Button size="compact-xs" variant="default" onClick={() => act(send('POST', `/v1/webhooks/${row.id}/dead-letters/resend`, {}))}>
        {say('webhooks.resend')}
      </Button>
    </Group>
  )
}
