import { Button, Checkbox, Group, MultiSelect, NumberInput, Stack, TagsInput, TextInput, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Ask, Page, Rows, Trouble, told } from '../parts.tsx'
import { api, ask, queries, send } from '../server.ts'
import { text, useList } from '../use-list.ts'
import { useWords, type Word } from '../words.ts'

const times = ['onTimeUntil', 'lateUntil', 'halfDayUntil', 'checkOutFrom', 'checkOutUntil'] as const
const numbers = ['maxAccuracyM', 'radiusM', 'offlineHours'] as const
const switches = ['gpsRequired', 'enforceGeofence'] as const
const lists = ['dccbs', 'departments'] as const
const week = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday']

const leaves = ['planned', 'unplanned', 'sick', 'casual', 'emergency', 'personal'] as const

type Policy = Record<string, unknown> & { version: number }

/** When a working day begins and ends, where it may be begun, and which days are free. */
export function WorkingDays() {
  const say = useWords()
  const stored = useQuery({
    queryKey: ['attendance_policy'],
    queryFn: async () => (await ask(api.GET('/v1/settings/attendance'))) as unknown as Policy,
  })
  return (
    <Page title={say('nav.policy')}>
      <Trouble error={stored.error} retry={() => void stored.refetch()} />
      {stored.data && <PolicyForm key={stored.data.version} stored={stored.data} />}
      <Holidays />
    </Page>
  )
}

function PolicyForm({ stored }: { stored: Policy }) {
  const say = useWords()
  const [given, type] = useState<Policy>(stored)
  const [error, fail] = useState<unknown>(null)
  const set = (field: string, value: unknown) => type({ ...given, [field]: value })
  const label = (field: string): string => say(`policy.${field}` as Word)
  async function save(event: FormEvent) {
    event.preventDefault()
    fail(null)
    await send('PUT', '/v1/settings/attendance', given).then(async () => {
      told(say('say.saved'))
      await queries.invalidateQueries({ queryKey: ['attendance_policy'] })
    }, fail)
  }
  return (
    <form onSubmit={(event) => void save(event)}>
      <Stack maw={760}>
        <Group align="end">
          <TextInput
            label={label('timeZone')}
            required
            value={text(given.timeZone)}
            onChange={(event) => set('timeZone', event.currentTarget.value)}
          />
          {times.map((field) => (
            <TextInput
              key={field}
              type="time"
              label={label(field)}
              required
              value={text(given[field])}
              onChange={(event) => set(field, event.currentTarget.value)}
            />
          ))}
        </Group>
        <MultiSelect
          label={label('weeklyOff')}
          data={week.map((day) => ({ value: day, label: say(`day.${day}` as Word) }))}
          value={given.weeklyOff as string[]}
          onChange={(days) => set('weeklyOff', days)}
        />
        <Group align="end">
          {numbers.map((field) => (
            <NumberInput
              key={field}
              label={label(field)}
              min={0}
              allowDecimal={false}
              value={Number(given[field])}
              onChange={(value) => set(field, value === '' ? null : Number(value))}
            />
          ))}
        </Group>
        {switches.map((field) => (
          <Checkbox
            key={field}
            label={label(field)}
            checked={given[field] === true}
            onChange={(event) => set(field, event.currentTarget.checked)}
          />
        ))}
        <LeaveDays given={given.leaveDaysPerYear as Days} set={(days) => set('leaveDaysPerYear', days)} />
        {lists.map((field) => (
          <TagsInput key={field} label={label(field)} value={given[field] as string[]} onChange={(values) => set(field, values)} />
        ))}
        <Trouble error={error} />
        <Group>
          <Button type="submit">{say('do.save')}</Button>
        </Group>
      </Stack>
    </form>
  )
}

type Days = Partial<Record<(typeof leaves)[number], number>>

/** A kind of leave that has no number has no limit. */
function LeaveDays({ given, set }: { given: Days; set: (days: Days) => void }) {
  const say = useWords()
  return (
    <fieldset className="plain">
      <legend>{say('policy.leaveDays')}</legend>
      <Group align="end">
        {leaves.map((kind) => (
          <NumberInput
            key={kind}
            label={say(`leave.${kind}` as Word)}
            placeholder={say('policy.noLimit')}
            min={0}
            max={366}
            step={0.5}
            w={140}
            value={given[kind] ?? ''}
            onChange={(value) => {
              const { [kind]: _, ...rest } = given
              set(value === '' ? rest : { ...rest, [kind]: Number(value) })
            }}
          />
        ))}
      </Group>
    </fieldset>
  )
}

function Holidays() {
  const say = useWords()
  const list = useList('holiday', '/v1/holidays')
  const [date, on] = useState('')
  const [name, call] = useState('')
  const [error, fail] = useState<unknown>(null)
  const fresh = () => queries.invalidateQueries({ queryKey: ['holiday'] })
  async function create(event: FormEvent) {
    event.preventDefault()
    fail(null)
    await send('POST', '/v1/holidays', { date, name }).then(async () => {
      on('')
      call('')
      await fresh()
    }, fail)
  }
  return (
    <>
      <Title order={2} size="h4">
        {say('policy.holidays')}
      </Title>
      <form onSubmit={(event) => void create(event)}>
        <Group align="end">
          <TextInput type="date" label={say('policy.date')} required value={date} onChange={(event) => on(event.currentTarget.value)} />
          <TextInput label={say('keys.name')} required value={name} onChange={(event) => call(event.currentTarget.value)} />
          <Button type="submit">{say('policy.addHoliday')}</Button>
        </Group>
      </form>
      <Trouble error={error ?? list.error} />
      {!list.isPending && (
        <Rows
          label={say('policy.holidays')}
          rows={list.rows}
          more={list.more}
          keyOf={({ id }) => id}
          empty={say('policy.empty')}
          columns={[
            { title: say('policy.date'), show: (row) => text(row.date) },
            { title: say('keys.name'), show: (row) => text(row.name), wide: 2 },
            {
              title: say('do.remove'),
              show: (row) => (
                <Ask
                  text={say('policy.removeAsk', { name: text(row.name) })}
                  action={say('do.remove')}
                  run={() => send('DELETE', `/v1/holidays/${row.id}`, undefined).then(fresh)}
                />
              ),
            },
          ]}
        />
      )}
    </>
  )
}
