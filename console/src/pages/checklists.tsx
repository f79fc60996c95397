import { Button, Group, Stack, Textarea, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { type FormEvent, lazy, Suspense, useState } from 'react'
import { Page, Rows, Trouble } from '../parts.tsx'
import { queries, read, send } from '../server.ts'
import { text } from '../use-list.ts'
import { useWords } from '../words.ts'

const Live = lazy(() => import('./live-checklist.tsx').then((page) => ({ default: page.LiveChecklist })))

type Row = { checklistId: string; title: string; status: string; progress: number; dueDate: string | null }

/** Checklists of the organisation; an open one is edited with everybody else who has it open. */
export function Checklists() {
  const say = useWords()
  const list = useQuery({ queryKey: ['checklist'], queryFn: () => read('/api/checklists', { limit: 200 }) })
  const [open, show] = useState<Row | null>(null)
  const [title, call] = useState('')
  const [items, write] = useState('')
  const [error, fail] = useState<unknown>(null)
  const rows = ((list.data as { checklists?: Row[] } | undefined)?.checklists ?? []) as Row[]
  async function create(event: FormEvent) {
    event.preventDefault()
    fail(null)
    const lines = items.split('\n').filter((line) => line.trim() !== '')
    const checklistData = { title, sections: [{ title, items: lines.map((line) => ({ text: line.trim() })) }] }
    await send('POST', '/api/checklists', { checklistData }).then(async () => {
      call('')
      write('')
      await queries.invalidateQueries({ queryKey: ['checklist'] })
    }, fail)
  }
  if (open !== null)
    return (
      <Page
        title={open.title}
        actions={
          <Button
            variant="default"
            onClick={() => {
              show(null)
              void list.refetch()
            }}
          >
            {say('do.close')}
          </Button>
        }
      >
        <Suspense>
          <Live id={open.checklistId} />
        </Suspense>
      </Page>
    )
  return (
    <Page title={say('nav.checklists')}>
      <form onSubmit={(event) => void create(event)}>
        <Stack maw={520} gap="xs">
          <TextInput label={say('checklists.title')} required value={title} onChange={(event) => call(event.currentTarget.value)} />
          <Textarea
            label={say('checklists.items')}
            autosize
            minRows={2}
            value={items}
            onChange={(event) => write(event.currentTarget.value)}
          />
          <Group>
            <Button type="submit">{say('do.create')}</Button>
          </Group>
        </Stack>
      </form>
      <Trouble error={error ?? list.error} retry={() => void list.refetch()} />
      {!list.isPending && list.error === null && (
        <Rows
          label={say('nav.checklists')}
          rows={rows}
          keyOf={({ checklistId }) => checklistId}
          open={show}
          empty={say('checklists.empty')}
          columns={[
            { title: say('checklists.title'), show: (row) => row.title, wide: 2 },
            { title: say('col.status'), show: (row) => row.status },
            { title: '%', show: (row) => text(row.progress) },
          ]}
        />
      )}
    </Page>
  )
}
