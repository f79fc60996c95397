import { Button, Group, Modal, Select, Stack, TextInput } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import { Trouble, told } from '../parts.tsx'
import { queries, send } from '../server.ts'
import { useWords, type Word } from '../words.ts'

export type Correctable = { id: string; version: number; name: string; date: string; status: string; remarks: string | null }

const states = ['present', 'half_day', 'absent'] as const
const words: Record<(typeof states)[number], Word> = {
  present: 'attendance.present',
  half_day: 'attendance.half',
  absent: 'attendance.absent',
}

/** A day as it was, with a reason. Whoever was absent neither came nor went: their times are emptied, and the form says so. */
export function CorrectDay({ day, close }: { day: Correctable; close: () => void }) {
  const say = useWords()
  const [status, choose] = useState(states.find((one) => one === day.status) ?? null)
  const [remarks, type] = useState(day.remarks ?? '')
  const [error, fail] = useState<unknown>(null)
  async function save(event: FormEvent) {
    event.preventDefault()
    fail(null)
    await send('PATCH', `/v1/attendance/${day.id}`, { status, remarks: remarks.trim() || null, version: day.version }).then(async () => {
      told(say('say.saved'))
      close()
      await queries.invalidateQueries({ queryKey: ['attendance'] })
    }, fail)
  }
  return (
    <Modal
      opened
      onClose={close}
      title={say('attendance.correctTitle', { name: day.name, date: day.date })}
      closeButtonProps={{ 'aria-label': say('do.close') }}
    >
      <form onSubmit={(event) => void save(event)}>
        <Stack>
          <Select
            label={say('col.status')}
            data={states.map((value) => ({ value, label: say(words[value]) }))}
            value={status}
            allowDeselect={false}
            description={status === 'absent' && day.status !== 'absent' ? say('attendance.absentHint') : undefined}
            onChange={(value) => choose(states.find((one) => one === value) ?? null)}
          />
          <TextInput
            label={say('attendance.remarks')}
            maxLength={1000}
            value={remarks}
            onChange={(event) => type(event.currentTarget.value)}
          />
          <Trouble error={error} />
          <Group justify="end">
            <Button variant="default" onClick={close}>
              {say('do.cancel')}
            </Button>
            <Button type="submit" disabled={status === null}>
              {say('do.save')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}
