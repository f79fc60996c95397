import { Badge, Checkbox, Group, Stack, Text, Textarea, Title } from '@mantine/core'
import { useEffect, useLayoutEffect, useReducer, useRef, useState } from 'react'
import { flushSync } from 'react-dom'
import { type LiveDocument, openDocument } from '../../../client/src/live.ts'
import { api, ask, read } from '../server.ts'
import { useWords } from '../words.ts'

type Item = { sectionId: string; position: string; text: string; notes: string; checked: boolean }
type Checklist = { title: string; sections: Record<string, { title: string; position: string }>; items: Record<string, Item> }
type Person = { userId: string; userName: string }

const inOrder = <T extends { position: string }>(entries: Record<string, T>): [string, T][] =>
  Object.entries(entries).sort(([a, x], [b, y]) => (x.position === y.position ? (a < b ? -1 : 1) : x.position < y.position ? -1 : 1))

/** A text that others type in too: the caret stays with the letter it stood at. */
function Notes({ label, text, type }: { label: string; text: string; type: (text: string) => void }) {
  const field = useRef<HTMLTextAreaElement>(null)
  const was = useRef({ text, caret: 0 })
  useLayoutEffect(() => {
    const shown = field.current
    const { text: before, caret } = was.current
    was.current = { text, caret }
    if (shown === null || before === text || globalThis.document.activeElement !== shown) return
    let head = 0
    while (head < caret && before[head] === text[head]) head += 1
    const moved = head === caret ? caret : Math.max(0, caret + text.length - before.length)
    was.current.caret = moved
    shown.setSelectionRange(moved, moved)
  }, [text])
  return (
    <Textarea
      ref={field}
      aria-label={label}
      autosize
      size="xs"
      value={text}
      onSelect={(event) => {
        was.current.caret = event.currentTarget.selectionStart
      }}
      onChange={(event) => {
        was.current = { text: event.currentTarget.value, caret: event.currentTarget.selectionStart }
        type(event.currentTarget.value)
      }}
    />
  )
}

/** One checklist, edited with everybody who has it open. What is typed while the server is away is sent when it is back. */
export function LiveChecklist({ id }: { id: string }) {
  const say = useWords()
  const [, again] = useReducer((count: number) => count + 1, 0)
  const [document, hold] = useState<LiveDocument<Checklist> | null>(null)
  const [people, meet] = useState<Person[]>([])
  useEffect(() => {
    const opened = openDocument<Checklist>({
      baseUrl: location.origin,
      id,
      ticket: async () => (await ask(api.POST('/v1/tickets', { body: {} }))).ticket,
    })
    hold(opened)
    // at once: what is typed next is compared with what is shown, and must not take away what came meanwhile
    const stop = opened.watch(() => flushSync(again))
    const look = () =>
      void read('/api/sync', { entityId: id }).then(
        (found) => meet((found as unknown as { sessions: Person[] }).sessions),
        () => meet([]),
      )
    const timer = setTimeout(look, 500)
    return () => {
      clearTimeout(timer)
      stop()
      opened.close()
    }
  }, [id])
  const content = document?.read()
  if (document === null || content == null)
    return (
      <Text role="status">
        {say(document?.state() === 'refused' ? 'live.refused' : document?.state() === 'away' ? 'app.away' : 'say.loading')}
      </Text>
    )
  const state = document.state()
  const names = [...new Set(people.map(({ userName }) => userName))]
  return (
    <Stack>
      <Group>
        <Badge role="status" color={state === 'live' ? 'harbour' : 'orange'} variant="outline">
          {say(
            state === 'live' ? (document.hasPending() ? 'live.saving' : 'live.saved') : state === 'refused' ? 'live.refused' : 'live.away',
          )}
        </Badge>
        <Text size="sm" c="dimmed">
          {names.join(', ')}
        </Text>
      </Group>
      {inOrder(content.sections).map(([sectionId, section]) => (
        <Stack key={sectionId} gap="xs">
          <Title order={2} size="h4">
            {section.title}
          </Title>
          {inOrder(Object.fromEntries(Object.entries(content.items).filter(([, item]) => item.sectionId === sectionId))).map(
            ([itemId, item]) => (
              <Stack key={itemId} gap={4}>
                <Checkbox
                  label={item.text}
                  checked={item.checked}
                  onChange={(event) => document.set(['items', itemId, 'checked'], event.currentTarget.checked)}
                />
                <Notes
                  label={say('live.notes', { item: item.text })}
                  text={item.notes}
                  type={(text) => document.type(['items', itemId, 'notes'], text)}
                />
              </Stack>
            ),
          )}
        </Stack>
      ))}
    </Stack>
  )
}
