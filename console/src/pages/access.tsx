import { Alert, Button, Group, Stack, Text, TextInput } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import { Page, Trouble } from '../parts.tsx'
import { api, ask } from '../server.ts'
import { useWords } from '../words.ts'

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
    </Page>
  )
}
