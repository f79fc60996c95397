import { Alert, Button, Group, Stack, Table, Text, TextInput, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Page, Trouble } from '../parts.tsx'
import { api, ask } from '../server.ts'
import { useWords, type Word } from '../words.ts'

type Answer = { allowed: boolean; reason: string; role: string; scope: string | null; chain: string[] }

/** Why one person can or cannot see another. */
export function Access() {
  const say = useWords()
  const [viewer, setViewer] = useState('')
  const [subject, setSubject] = useState('')
  const [answer, tell] = useState<Answer | null>(null)
  const [error, fail] = useState<unknown>(null)
  async function idOf(name: string): Promise<string> {
    const { items } = await ask(api.GET('/v1/users', { params: { query: { q: name, limit: 50 } } }))
    const found = items.find(({ username }) => username.toLowerCase() === name.trim().toLowerCase())
    if (found === undefined) throw new Error(say('access.unknown', { name }))
    return found.id
  }
  async function explain(event: FormEvent) {
    event.preventDefault()
    fail(null)
    tell(null)
    try {
      const [viewerId, subjectId] = [await idOf(viewer), await idOf(subject)]
      tell(await ask(api.GET('/v1/users/{subjectId}/access', { params: { path: { subjectId }, query: { viewerId } } })))
    } catch (refused) {
      fail(refused)
    }
  }
  return (
    <Page title={say('access.title')}>
      <form onSubmit={(event) => void explain(event)}>
        <Group align="end">
          <TextInput label={say('access.viewer')} required value={viewer} onChange={(event) => setViewer(event.currentTarget.value)} />
          <TextInput label={say('access.subject')} required value={subject} onChange={(event) => setSubject(event.currentTarget.value)} />
          <Button type="submit">{say('access.ask')}</Button>
        </Group>
      </form>
      <Trouble error={error} />
      {answer && (
        <Alert color={answer.allowed ? 'teal' : 'orange'} role="status" title={say(answer.allowed ? 'access.yes' : 'access.no')}>
          <Stack gap={4}>
            <Text size="sm">{answer.reason}</Text>
            <Text size="sm" c="dimmed">
              {answer.role} · {answer.scope ?? '–'}
            </Text>
          </Stack>
        </Alert>
      )}
      <Title order={2} size="h4">
        {say('access.roles')}
      </Title>
      <Text size="sm" c="dimmed">
        {say('access.rolesHint')}
      </Text>
      <RoleTable />
    </Page>
  )
}

const tenantRoles = ['owner', 'admin', 'supervisor', 'manager', 'member', 'auditor']

/** Who may do what, and how far it reaches: the server's own table. */
function RoleTable() {
  const say = useWords()
  const list = useQuery({ queryKey: ['role'], queryFn: () => ask(api.GET('/v1/roles')) })
  const reach = new Map(
    list.data?.items.map(({ role, permissions }) => [
      role as string,
      new Map(permissions.map((one) => [one.permission, one.scope as string])),
    ]),
  )
  const names = [...new Set(tenantRoles.flatMap((role) => [...(reach.get(role)?.keys() ?? [])]))].sort()
  if (list.data === undefined) return <Trouble error={list.error} retry={() => void list.refetch()} />
  return (
    <section className="scroll" tabIndex={0} aria-label={say('access.roles')}>
      <Table striped>
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">{say('access.may')}</Table.Th>
            {tenantRoles.map((role) => (
              <Table.Th key={role} scope="col">
                {role}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {names.map((permission) => (
            <Table.Tr key={permission}>
              <Table.Th scope="row">{permission}</Table.Th>
              {tenantRoles.map((role) => {
                const scope = reach.get(role)?.get(permission)
                return <Table.Td key={role}>{scope === undefined ? '–' : say(`scope.${scope}` as Word)}</Table.Td>
              })}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </section>
  )
}
