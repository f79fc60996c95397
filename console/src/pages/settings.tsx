import { Button, Code, Group, Image, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { type FormEvent, useEffect, useState } from 'react'
import { Page, Rows, Trouble, told } from '../parts.tsx'
import { api, ask, queries } from '../server.ts'
import { type Row, text, useList } from '../use-list.ts'
import { showTime, useWords } from '../words.ts'

function Password() {
  const say = useWords()
  const [currentPassword, was] = useState('')
  const [newPassword, will] = useState('')
  const [error, fail] = useState<unknown>(null)
  async function change(event: FormEvent) {
    event.preventDefault()
    fail(null)
    try {
      const { id } = await ask(api.GET('/v1/me'))
      await ask(api.POST('/v1/users/{id}/password', { params: { path: { id } }, body: { currentPassword, newPassword } }))
      told(say('settings.changed'))
      was('')
      will('')
      await queries.invalidateQueries({ queryKey: ['me'] })
    } catch (refused) {
      fail(refused)
    }
  }
  return (
    <form onSubmit={(event) => void change(event)}>
      <Stack maw={420}>
        <Title order={2} size="h4">
          {say('settings.password')}
        </Title>
        <PasswordInput
          label={say('settings.oldPassword')}
          autoComplete="current-password"
          required
          value={currentPassword}
          onChange={(event) => was(event.currentTarget.value)}
        />
        <PasswordInput
          label={say('settings.newPassword')}
          autoComplete="new-password"
          required
          value={newPassword}
          onChange={(event) => will(event.currentTarget.value)}
        />
        <Trouble error={error} />
        <Group>
          <Button type="submit">{say('do.save')}</Button>
        </Group>
      </Stack>
    </form>
  )
}

function SecondFactor() {
  const say = useWords()
  const state = useQuery({ queryKey: ['second-factor'], queryFn: () => ask(api.GET('/v1/second-factor')) })
  const [started, start] = useState<{ uri: string; secret: string } | null>(null)
  const [picture, draw] = useState('')
  const [code, type] = useState('')
  const [codes, show] = useState<string[]>([])
  const [error, fail] = useState<unknown>(null)
  useEffect(() => {
    if (started !== null) void import('qrcode').then(({ default: qr }) => qr.toDataURL(started.uri, { width: 220 })).then(draw)
  }, [started])
  async function confirm(event: FormEvent) {
    event.preventDefault()
    fail(null)
    await ask(api.POST('/v1/second-factor/confirm', { body: { code } })).then(async ({ recoveryCodes }) => {
      show(recoveryCodes)
      start(null)
      await state.refetch()
    }, fail)
  }
  if (!state.data) return <Trouble error={state.error} />
  return (
    <Stack maw={420}>
      <Title order={2} size="h4">
        {say('settings.factor')}
      </Title>
      <Text size="sm">
        {state.data.isActive ? say('settings.factorOn', { n: state.data.recoveryCodesLeft }) : say('settings.factorOff')}
      </Text>
      {codes.length > 0 && (
        <div role="status">
          <Text size="sm">{say('settings.recovery')}</Text>
          <Code block>{codes.join('\n')}</Code>
        </div>
      )}
      {started === null && !state.data.isActive && (
        <Group>
          <Button variant="default" onClick={() => void ask(api.POST('/v1/second-factor', { body: {} })).then(start, fail)}>
            {say('settings.factorStart')}
          </Button>
        </Group>
      )}
      {started !== null && (
        <form onSubmit={(event) => void confirm(event)}>
          <Stack>
            <Text size="sm">{say('settings.scan')}</Text>
            {picture !== '' && <Image src={picture} w={220} alt={started.secret} />}
            <Code>{started.secret}</Code>
            <TextInput
              label={say('settings.code')}
              inputMode="numeric"
              autoComplete="one-time-code"
              required
              value={code}
              onChange={(event) => type(event.currentTarget.value)}
            />
            <Button type="submit">{say('settings.confirm')}</Button>
          </Stack>
        </form>
      )}
      <Trouble error={error} />
    </Stack>
  )
}

function Sessions() {
  const say = useWords()
  const list = useList('session', '/v1/sessions')
  const end = ({ id }: Row) => ask(api.DELETE('/v1/sessions/{id}', { params: { path: { id } } })).then(() => list.refetch())
  return (
    <Stack>
      <Title order={2} size="h4">
        {say('settings.sessions')}
      </Title>
      <Trouble error={list.error} retry={list.refetch} />
      <Rows
        label={say('settings.sessions')}
        rows={list.rows}
        more={list.more}
        keyOf={({ id }) => id}
        empty=""
        columns={[
          { title: say('audit.when'), show: (row) => showTime(text(row.lastSeenAt)), wide: 2 },
          { title: say('audit.what'), show: (row) => text(row.userAgent), wide: 3, isMinor: true },
          {
            title: say('settings.end'),
            show: (row) =>
              row.isCurrent === true ? (
                say('settings.current')
              ) : (
                <Button size="compact-xs" variant="default" onClick={() => void end(row)}>
                  {say('settings.end')}
                </Button>
              ),
          },
        ]}
      />
    </Stack>
  )
}

export function Settings() {
  const say = useWords()
  return (
    <Page title={say('nav.settings')}>
      <Password />
      <SecondFactor />
      <Sessions />
    </Page>
  )
}
