import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Page, Trouble, told } from '../parts.tsx'
import { api, ask, queries } from '../server.ts'
import { useWords } from '../words.ts'

type Person = { id: string; username: string; fullName: string | null; role: string; version: number; reports: Person[] }

const everyone = (people: readonly Person[]): Person[] => people.flatMap((person) => [person, ...everyone(person.reports)])

function Tree({ people, open }: { people: readonly Person[]; open: (person: Person) => void }) {
  return (
    <ul className="tree">
      {people.map((person) => (
        <li key={person.id}>
          <button type="button" className="link" onClick={() => open(person)}>
            {person.fullName ?? person.username}
          </button>{' '}
          <Text span size="sm" c="dimmed">
            {person.role}
          </Text>
          {person.reports.length > 0 && <Tree people={person.reports} open={open} />}
        </li>
      ))}
    </ul>
  )
}

/** Who reports to whom, to be read and to be changed. */
export function Organization() {
  const say = useWords()
  const chart = useQuery({ queryKey: ['organization'], queryFn: () => ask(api.GET('/v1/organization')) })
  const [person, open] = useState<Person | null>(null)
  const [above, choose] = useState('')
  const [error, fail] = useState<unknown>(null)
  const people = (chart.data?.items ?? []) as unknown as Person[]
  async function move(managerId: string | null) {
    if (person === null) return
    fail(null)
    await ask(api.PATCH('/v1/users/{id}', { params: { path: { id: person.id } }, body: { managerId, version: person.version } })).then(
      async () => {
        open(null)
        told(say('say.saved'))
        await queries.invalidateQueries({ queryKey: ['organization'] })
      },
      fail,
    )
  }
  async function below() {
    const found = everyone(people).find(({ username }) => username.toLowerCase() === above.trim().toLowerCase())
    if (found === undefined) fail(new Error(say('access.unknown', { name: above })))
    else await move(found.id)
  }
  return (
    <Page title={say('nav.organization')}>
      <Text c="dimmed" size="sm">
        {say('org.hint')}
      </Text>
      <Trouble error={chart.error} retry={() => void chart.refetch()} />
      {chart.data && people.length === 0 && <Text c="dimmed">{say('org.empty')}</Text>}
      <Tree people={people} open={open} />
      <Modal
        opened={person !== null}
        onClose={() => open(null)}
        title={say('org.move', { name: person?.fullName ?? person?.username ?? '' })}
        closeButtonProps={{ 'aria-label': say('do.close') }}
      >
        <Stack>
          <TextInput label={say('users.manager')} value={above} onChange={(event) => choose(event.currentTarget.value)} list="people" />
          <datalist id="people">
            {everyone(people).map(({ id, username }) => (
              <option key={id} value={username} />
            ))}
          </datalist>
          <Trouble error={error} />
          <Group justify="space-between">
            <Button variant="default" onClick={() => void move(null)}>
              {say('org.top')}
            </Button>
            <Button onClick={() => void below()}>{say('do.save')}</Button>
          </Group>
        </Stack>
      </Modal>
    </Page>
  )
}
