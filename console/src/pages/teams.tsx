import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Ask, Page, Rows, Trouble } from '../parts.tsx'
import { PersonPick } from '../person-pick.tsx'
import { queries, read, send } from '../server.ts'
import { useWords } from '../words.ts'

type Team = { teamId: string; name: string; description: string | null; memberCount: number; isActive: boolean }
type Member = { userId: string; role: string; firstName?: string; lastName?: string; email?: string; username?: string }

const fresh = () => queries.invalidateQueries({ queryKey: ['team'] })

/** Teams and who is in them. */
export function Teams() {
  const say = useWords()
  const list = useQuery({
    queryKey: ['team'],
    queryFn: async () => ((await read('/api/teams', { limit: 200 })) as unknown as { teams: Team[] }).teams,
  })
  const [name, call] = useState('')
  const [open, show] = useState<Team | null>(null)
  const [error, fail] = useState<unknown>(null)
  async function create(event: FormEvent) {
    event.preventDefault()
    fail(null)
    await send('POST', '/api/teams', { name }).then(async () => {
      call('')
      await fresh()
    }, fail)
  }
  return (
    <Page title={say('nav.teams')}>
      <form onSubmit={(event) => void create(event)}>
        <Group align="end">
          <TextInput label={say('keys.name')} required value={name} onChange={(event) => call(event.currentTarget.value)} />
          <Button type="submit">{say('teams.new')}</Button>
        </Group>
      </form>
      <Trouble error={error ?? list.error} retry={() => void list.refetch()} />
      {list.data && (
        <Rows
          label={say('nav.teams')}
          rows={list.data}
          keyOf={({ teamId }) => teamId}
          open={show}
          empty={say('teams.empty')}
          columns={[
            { title: say('keys.name'), show: (row) => row.name, wide: 2 },
            { title: say('teams.members'), show: (row) => String(row.memberCount) },
          ]}
        />
      )}
      <Modal
        opened={open !== null}
        onClose={() => show(null)}
        title={open?.name ?? ''}
        closeButtonProps={{ 'aria-label': say('do.close') }}
        size="lg"
      >
        {open !== null && <OneTeam team={open} gone={() => show(null)} />}
      </Modal>
    </Page>
  )
}

function OneTeam({ team, gone }: { team: Team; gone: () => void }) {
  const say = useWords()
  const path = `/api/teams/${team.teamId}/members`
  const members = useQuery({
    queryKey: ['team', team.teamId],
    queryFn: async () => ((await read(path, { limit: 200 })) as unknown as { members: Member[] }).members,
  })
  const [chosen, choose] = useState<string | null>(null)
  const [error, fail] = useState<unknown>(null)
  const nameOf = ({ firstName, lastName, username, email, userId }: Member): string =>
    [firstName, lastName].filter(Boolean).join(' ') || username || email || userId.slice(0, 8)
  async function add() {
    fail(null)
    await send('POST', path, { members: [{ userId: chosen }] }).then(async () => {
      choose(null)
      await fresh()
    }, fail)
  }
  return (
    <Stack>
      <Group align="end">
        <PersonPick label={say('teams.add')} value={chosen} choose={choose} />
        <Button disabled={chosen === null} onClick={() => void add()}>
          {say('teams.addDo')}
        </Button>
      </Group>
      <Trouble error={error ?? members.error} />
      {members.data?.length === 0 && <Text c="dimmed">{say('links.nobody')}</Text>}
      <ul className="plain">
        {members.data?.map((member) => (
          <li key={member.userId}>
            <Group justify="space-between">
              <span>
                {nameOf(member)}{' '}
                <Text span size="sm" c="dimmed">
                  {member.role}
                </Text>
              </span>
              <Ask
                text={say('teams.removeAsk', { name: nameOf(member), team: team.name })}
                action={say('do.remove')}
                run={() => send('DELETE', `${path}/${member.userId}`, undefined).then(fresh)}
              />
            </Group>
          </li>
        ))}
      </ul>
      <Group>
        <Ask
          text={say('teams.deleteAsk', { name: team.name })}
          action={say('teams.delete')}
          run={async () => {
            await send('DELETE', `/api/teams?teamId=${team.teamId}`, undefined)
            gone()
            await fresh()
          }}
        />
      </Group>
    </Stack>
  )
}
