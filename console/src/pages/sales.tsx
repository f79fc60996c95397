import { Button, FileButton, Group, Modal, Select, Stack, TagsInput, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Ask, Page, Rows, Trouble, told } from '../parts.tsx'
import { queries, Refusal, read, send } from '../server.ts'
import { type Row, text, useList } from '../use-list.ts'
import { showNumber, showTime, useWords } from '../words.ts'
import { CampaignPeople } from './campaign-people.tsx'

const channels = ['email', 'linkedin', 'direct_mail', 'ads']
const campaignStates = ['draft', 'ready', 'running', 'paused', 'completed', 'archived']
const contactStates = ['active', 'inactive', 'unsubscribed', 'bounced']

/** Campaigns: make them, move them on, take them away. */
export function Campaigns() {
  const say = useWords()
  const list = useList('campaign', '/v1/campaigns')
  const [name, call] = useState('')
  const [channel, choose] = useState('email')
  const [people, meet] = useState<Row | null>(null)
  const [error, fail] = useState<unknown>(null)
  const fresh = () => queries.invalidateQueries({ queryKey: ['campaign'] })
  async function create(event: FormEvent) {
    event.preventDefault()
    fail(null)
    await send('POST', '/v1/campaigns', { name, channel }).then(async () => {
      call('')
      await fresh()
    }, fail)
  }
  const change = (row: Row, status: string | null) =>
    status !== null && void send('PATCH', `/v1/campaigns/${row.id}`, { version: row.version, status }).then(fresh, fail)
  return (
    <Page title={say('nav.campaigns')}>
      <form onSubmit={(event) => void create(event)}>
        <Group align="end">
          <TextInput label={say('keys.name')} required value={name} onChange={(event) => call(event.currentTarget.value)} />
          <Select
            label={say('col.channel')}
            data={channels}
            value={channel}
            allowDeselect={false}
            onChange={(value) => choose(value ?? 'email')}
          />
          <Button type="submit">{say('campaigns.new')}</Button>
        </Group>
      </form>
      <Trouble error={error ?? list.error} retry={list.refetch} />
      {!list.isPending && (
        <Rows
          label={say('nav.campaigns')}
          rows={list.rows}
          more={list.more}
          keyOf={({ id }) => id}
          open={meet}
          empty={say('campaigns.empty')}
          columns={[
            { title: say('keys.name'), show: (row) => text(row.name), wide: 2 },
            {
              title: say('col.status'),
              wide: 2,
              show: (row) => (
                <Select
                  size="xs"
                  aria-label={`${say('col.status')}: ${text(row.name)}`}
                  data={campaignStates}
                  value={text(row.status)}
                  allowDeselect={false}
                  onChange={(value) => change(row, value)}
                />
              ),
            },
            { title: say('backups.created'), show: (row) => showTime(text(row.createdAt)), isMinor: true, wide: 2 },
            {
              title: say('do.remove'),
              show: (row) => (
                <Ask
                  text={say('campaigns.removeAsk', { name: text(row.name) })}
                  action={say('do.remove')}
                  run={() => send('DELETE', `/v1/campaigns/${row.id}`, undefined).then(fresh)}
                />
              ),
            },
          ]}
        />
      )}
      <Modal
        opened={people !== null}
        onClose={() => meet(null)}
        title={say('campaigns.people', { name: text(people?.name) })}
        size="lg"
        closeButtonProps={{ 'aria-label': say('do.close') }}
      >
        {people !== null && <CampaignPeople campaign={people} />}
      </Modal>
    </Page>
  )
}

type Imported = {
  importId: string
  created: number
  skipped: number
  failed: number
  errors: { row: number; field: string; message: string }[]
}

const nameOf = (row: Row): string => [row.firstName, row.lastName].map(text).join(' ').trim() || text(row.company) || text(row.email)

/** Contacts: search, import with a dry run and an undo, make, change, take away. */
export function Contacts() {
  const say = useWords()
  const [search, look] = useState('')
  const [tag, tagged] = useState('')
  const list = useList('contact', '/v1/contacts', { ...(search === '' ? {} : { q: search }), ...(tag === '' ? {} : { tag }) })
  const [open, show] = useState<Row | 'new' | null>(null)
  const [file, give] = useState<File | null>(null)
  const [trial, tried] = useState<Imported | null>(null)
  const [undoable, keep] = useState<string | null>(null)
  const [error, fail] = useState<unknown>(null)
  const fresh = () => queries.invalidateQueries({ queryKey: ['contact'] })
  const upload = async (csv: File, isDry: boolean): Promise<Imported> => {
    const answer = await fetch(`/v1/contacts/import?dryRun=${isDry}`, {
      method: 'POST',
      headers: { 'content-type': 'text/csv' },
      body: csv,
    })
    const body = await answer.json()
    if (!answer.ok) throw new Refusal(body)
    return body as Imported
  }
  async function choose(given: File | null) {
    fail(null)
    give(given)
    tried(null)
    if (given !== null) await upload(given, true).then(tried, fail)
  }
  async function run() {
    if (file === null) return
    fail(null)
    await upload(file, false).then(async ({ importId, created }) => {
      told(say('contacts.imported', { n: showNumber(created) }))
      keep(importId)
      give(null)
      tried(null)
      await fresh()
    }, fail)
  }
  return (
    <Page
      title={say('nav.contacts')}
      actions={
        <>
          <Button variant="default" component="a" href="/v1/contacts/export" download>
            {say('contacts.export')}
          </Button>
          <FileButton onChange={(given) => void choose(given)} accept=".csv,text/csv">
            {(props) => (
              <Button variant="default" {...props}>
                {say('users.import')}
              </Button>
            )}
          </FileButton>
          <Button onClick={() => show('new')}>{say('contacts.new')}</Button>
        </>
      }
    >
      <Group align="end">
        <TextInput label={say('contacts.search')} value={search} onChange={(event) => look(event.currentTarget.value)} />
        <TextInput label={say('contacts.tag')} value={tag} onChange={(event) => tagged(event.currentTarget.value)} />
        {undoable !== null && (
          <Button
            variant="default"
            onClick={() =>
              void send('POST', `/v1/contacts/imports/${undoable}/undo`, {}).then(async () => {
                keep(null)
                await fresh()
              }, fail)
            }
          >
            {say('contacts.undo')}
          </Button>
        )}
      </Group>
      <Trouble error={error ?? list.error} retry={list.refetch} />
      {!list.isPending && (
        <Rows
          label={say('nav.contacts')}
          rows={list.rows}
          more={list.more}
          keyOf={({ id }) => id}
          open={show}
          empty={say('contacts.empty')}
          columns={[
            { title: say('users.fullName'), show: nameOf, wide: 2 },
            { title: say('users.email'), show: (row) => text(row.email), wide: 2 },
            { title: say('contacts.score'), show: (row) => text(row.leadScore), isMinor: true },
            { title: say('col.status'), show: (row) => text(row.status) },
          ]}
        />
      )}
      <Modal
        opened={trial !== null}
        onClose={() => void choose(null)}
        title={say('import.check')}
        closeButtonProps={{ 'aria-label': say('do.close') }}
      >
        {trial !== null && (
          <Stack>
            <div role="status">{say('contacts.trial', { n: trial.created, skipped: trial.skipped, failed: trial.failed })}</div>
            <ul>
              {trial.errors.slice(0, 20).map(({ row, field, message }) => (
                <li key={`${row} ${field}`}>{say('import.refused', { row, why: `${field}: ${message}` })}</li>
              ))}
            </ul>
            <Button onClick={() => void run()} disabled={trial.created === 0}>
              {say('contacts.run', { n: trial.created })}
            </Button>
          </Stack>
        )}
      </Modal>
      <Modal
        opened={open !== null}
        onClose={() => show(null)}
        title={open === 'new' || open === null ? say('contacts.new') : nameOf(open)}
        closeButtonProps={{ 'aria-label': say('do.close') }}
      >
        {open !== null && <OneContact row={open === 'new' ? null : open} done={() => show(null)} />}
      </Modal>
    </Page>
  )
}

const fields = ['firstName', 'lastName', 'email', 'company', 'phone'] as const

function OneContact({ row, done }: { row: Row | null; done: () => void }) {
  const say = useWords()
  const [given, type] = useState<Record<string, string>>(Object.fromEntries(fields.map((field) => [field, text(row?.[field])])))
  const [status, choose] = useState(text(row?.status ?? 'active'))
  const stored = useQuery({
    queryKey: ['contact', 'tags', row?.id],
    enabled: row !== null,
    queryFn: async () => ((await read(`/v1/contacts/${row?.id}/tags`)) as unknown as { tags: string[] }).tags,
  })
  const [changed, tag] = useState<string[] | null>(null)
  const [kept, keep] = useState(row)
  const [error, fail] = useState<unknown>(null)
  const words = {
    firstName: 'contacts.first',
    lastName: 'contacts.last',
    email: 'users.email',
    company: 'contacts.company',
    phone: 'contacts.phone',
  } as const
  const fresh = () => queries.invalidateQueries({ queryKey: ['contact'] })
  async function save(event: FormEvent) {
    event.preventDefault()
    fail(null)
    const body = { ...Object.fromEntries(fields.map((field) => [field, given[field]?.trim() || null])), status }
    const call =
      kept === null ? send('POST', '/v1/contacts', body) : send('PATCH', `/v1/contacts/${kept.id}`, { ...body, version: kept.version })
    const tagged = async (answer: unknown) => {
      // what is saved is saved: when its tags are refused, the next try makes no second contact
      keep(answer as Row)
      if (changed !== null) await send('PUT', `/v1/contacts/${(answer as Row).id}/tags`, { tags: changed })
    }
    await call.then(tagged).then(async () => {
      told(say('say.saved'))
      done()
      await fresh()
    }, fail)
  }
  return (
    <form onSubmit={(event) => void save(event)}>
      <Stack>
        {fields.map((field) => (
          <TextInput
            key={field}
            label={say(words[field])}
            value={given[field] ?? ''}
            onChange={(event) => type({ ...given, [field]: event.currentTarget.value })}
          />
        ))}
        <Select
          label={say('col.status')}
          data={contactStates}
          value={status}
          allowDeselect={false}
          onChange={(value) => choose(value ?? 'active')}
        />
        <TagsInput label={say('contacts.tags')} value={changed ?? stored.data ?? []} onChange={tag} disabled={stored.isLoading} />
        <Trouble error={error ?? stored.error} />
        <Group justify="space-between">
          {row !== null ? (
            <Ask
              text={say('contacts.removeAsk', { name: nameOf(row) })}
              action={say('do.remove')}
              run={async () => {
                await send('DELETE', `/v1/contacts/${row.id}`, undefined)
                done()
                await fresh()
              }}
            />
          ) : (
            <span />
          )}
          <Button type="submit">{say('do.save')}</Button>
        </Group>
      </Stack>
    </form>
  )
}
