import { Button, Code, Group, Modal, NumberInput, Select, SimpleGrid, Stack, Switch, Text, Textarea, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { type FormEvent, useEffect, useState } from 'react'
import { Ask, Page, Rows, Trouble, told } from '../parts.tsx'
import { queries, read, send } from '../server.ts'
import { text } from '../use-list.ts'
import { showTime, useWords, type Word } from '../words.ts'

type Link = {
  id: string
  template_name: string
  status: 'active' | 'expired' | 'used' | 'revoked'
  link_url: string | null
  expires_at: string
  uses_count: number
  max_uses: number | null
  clicks_count: number
  creates_user: boolean
}
type Through = { completion_id: string; completed_at: string; name: string | null; login: string | null }

const base = '/api/admin/onboarding'
const words: Record<Link['status'], Word> = {
  active: 'links.active',
  expired: 'links.expired',
  used: 'links.used',
  revoked: 'links.revoked',
}
const uses = ({ uses_count, max_uses }: Link): string => `${uses_count} / ${max_uses ?? '∞'}`
const dataOf = async <T,>(path: string): Promise<T> => ((await read(path)) as unknown as { data: T }).data
const fresh = () => queries.invalidateQueries({ queryKey: ['onboarding_link'] })

/** Links by which people come in: make, print, send, extend, end, and who came through. */
export function Links() {
  const say = useWords()
  const list = useQuery({ queryKey: ['onboarding_link'], queryFn: () => dataOf<{ links: Link[] }>(`${base}/links?limit=500`) })
  const [open, show] = useState<string | null>(null)
  const shown = list.data?.links.find(({ id }) => id === open) ?? null
  return (
    <Page title={say('nav.links')}>
      <Waiting />
      <NewLink made={show} />
      <Trouble error={list.error} retry={() => void list.refetch()} />
      {list.data && (
        <Rows
          label={say('nav.links')}
          rows={list.data.links}
          keyOf={({ id }) => id}
          open={({ id }) => show(id)}
          empty={say('links.empty')}
          columns={[
            { title: say('keys.name'), show: (row) => row.template_name, wide: 2 },
            { title: say('col.status'), show: (row) => say(words[row.status]) },
            { title: say('links.uses'), show: uses },
            { title: say('links.until'), show: (row) => showTime(row.expires_at), isMinor: true, wide: 2 },
          ]}
        />
      )}
      <Modal
        opened={shown !== null}
        onClose={() => show(null)}
        title={shown?.template_name ?? ''}
        closeButtonProps={{ 'aria-label': say('do.close') }}
      >
        {shown !== null && <OneLink link={shown} />}
      </Modal>
    </Page>
  )
}

type Waits = { id: string; login: string | null; name: string | null; role: string | null; completedAt: string }

/** People who came through a link that asks for approval. */
function Waiting() {
  const say = useWords()
  const list = useQuery({
    queryKey: ['onboarding_link_completion', 'pending'],
    queryFn: async () => (await read('/v1/onboarding/approvals', { limit: 200 })).items as Waits[],
  })
  const [error, fail] = useState<unknown>(null)
  const decide = (id: string, decision: string) =>
    send('POST', `/v1/onboarding/approvals/${id}`, { decision }).then(() =>
      queries.invalidateQueries({ queryKey: ['onboarding_link_completion'] }),
    )
  if ((list.data?.length ?? 0) === 0) return <Trouble error={list.error} />
  return (
    <section aria-label={say('links.waiting')}>
      <Text fw={600}>{say('links.waiting')}</Text>
      <Trouble error={error} />
      <ul className="plain">
        {list.data?.map(({ id, login, name, role }) => (
          <li key={id}>
            <Group>
              <span>
                {name ?? login} ({role})
              </span>
              <Button size="compact-xs" onClick={() => void decide(id, 'approve').catch(fail)}>
                {say('leave.approve')}
              </Button>
              <Ask
                text={say('links.rejectAsk', { name: name ?? login ?? '' })}
                action={say('leave.reject')}
                run={() => decide(id, 'reject')}
              />
            </Group>
          </li>
        ))}
      </ul>
    </section>
  )
}

function NewLink({ made }: { made: (id: string) => void }) {
  const say = useWords()
  const [name, call] = useState('')
  const [welcome, write] = useState('')
  const [days, last] = useState<number | string>(14)
  const [steps, count] = useState<number | string>(3)
  const [people, allow] = useState<number | string>(1)
  const [isAccount, account] = useState(true)
  const [isAsked, askFor] = useState(false)
  const [role, choose] = useState('member')
  const [error, fail] = useState<unknown>(null)
  async function create(event: FormEvent) {
    event.preventDefault()
    fail(null)
    const body = {
      ...(name === '' ? {} : { template_name: name }),
      ...(welcome === '' ? {} : { welcome_message: welcome }),
      expiration_days: days,
      total_steps: steps,
      max_uses: people === '' ? null : people,
      ...(isAccount ? { creates_user: true, user_role: role, requires_approval: isAsked } : {}),
    }
    await send('POST', `${base}/create-link`, body).then(async (answer) => {
      await fresh()
      made((answer as { data: { link_id: string } }).data.link_id)
    }, fail)
  }
  return (
    <form onSubmit={(event) => void create(event)}>
      <Stack maw={640} gap="xs">
        <SimpleGrid cols={{ base: 1, xs: 3 }}>
          <TextInput label={say('keys.name')} value={name} onChange={(event) => call(event.currentTarget.value)} />
          <NumberInput label={say('links.days')} min={1} max={365} value={days} onChange={last} />
          <NumberInput label={say('links.steps')} min={1} max={100} value={steps} onChange={count} />
        </SimpleGrid>
        <Textarea
          label={say('links.welcome')}
          autosize
          minRows={1}
          value={welcome}
          onChange={(event) => write(event.currentTarget.value)}
        />
        <Group align="end">
          <NumberInput label={say('links.people')} description={say('links.peopleHint')} min={1} value={people} onChange={allow} />
          <Switch label={say('links.account')} checked={isAccount} onChange={(event) => account(event.currentTarget.checked)} />
          {isAccount && (
            <Switch label={say('links.approval')} checked={isAsked} onChange={(event) => askFor(event.currentTarget.checked)} />
          )}
          {isAccount && (
            <Select
              label={say('users.role')}
              data={['member', 'manager', 'supervisor', 'auditor', 'admin']}
              value={role}
              allowDeselect={false}
              onChange={(value) => choose(value ?? 'member')}
            />
          )}
          <Button type="submit">{say('do.create')}</Button>
        </Group>
        <Trouble error={error} />
      </Stack>
    </form>
  )
}

function OneLink({ link }: { link: Link }) {
  const say = useWords()
  const { id, link_url: url, status } = link
  const [picture, draw] = useState('')
  const [to, address] = useState('')
  const [error, fail] = useState<unknown>(null)
  const through = useQuery({
    queryKey: ['onboarding_link', id, 'completions'],
    queryFn: () => dataOf<{ completions: Through[]; total: number }>(`${base}/link/${id}/completions?limit=100`),
  })
  useEffect(() => {
    if (url !== null)
      void import('qrcode').then(({ default: qr }) => qr.toDataURL(url, { width: 240, errorCorrectionLevel: 'M' })).then(draw)
  }, [url])
  const done = async (call: Promise<unknown>, message: string) => {
    fail(null)
    await call.then(async () => {
      told(message)
      await fresh()
    }, fail)
  }
  return (
    <Stack>
      {url !== null && (
        <>
          {picture !== '' && <img src={picture} width={240} height={240} alt={say('links.qr')} />}
          <Group wrap="nowrap">
            <Code style={{ overflowWrap: 'anywhere' }}>{url}</Code>
            <Button
              size="compact-sm"
              variant="default"
              style={{ flexShrink: 0 }}
              onClick={() => void navigator.clipboard.writeText(url).then(() => told(say('links.copied')), fail)}
            >
              {say('links.copy')}
            </Button>
          </Group>
          <form
            onSubmit={(event) => {
              event.preventDefault()
              void done(send('POST', `/v1/onboarding/links/${id}/mail`, { to: [to] }), say('links.sent'))
            }}
          >
            <Group align="end">
              <TextInput
                type="email"
                required
                label={say('links.mail')}
                value={to}
                onChange={(event) => address(event.currentTarget.value)}
              />
              <Button type="submit" variant="default">
                {say('links.send')}
              </Button>
            </Group>
          </form>
        </>
      )}
      <Text size="sm">{say('links.facts', { status: say(words[status]), uses: uses(link), clicks: link.clicks_count })}</Text>
      <Trouble error={error} />
      <Group>
        {(status === 'active' || status === 'expired') && (
          <>
            <Button
              size="xs"
              variant="default"
              onClick={() => void done(send('POST', `${base}/link/${id}/extend`, { additional_days: 7 }), say('say.saved'))}
            >
              {say('links.extend')}
            </Button>
            <Ask
              text={say('links.revokeAsk')}
              action={say('links.revoke')}
              run={() => send('POST', `${base}/link/${id}/revoke`, {}).then(fresh)}
            />
          </>
        )}
      </Group>
      <Text fw={600}>{say('links.through')}</Text>
      <Trouble error={through.error} />
      {through.data?.completions.length === 0 && <Text c="dimmed">{say('links.nobody')}</Text>}
      <ul>
        {through.data?.completions.map(({ completion_id, completed_at, name, login }) => (
          <li key={completion_id}>
            {text(name ?? login ?? '–')} · {showTime(completed_at)}
          </li>
        ))}
      </ul>
    </Stack>
  )
}
