import { Anchor, Button, Group, Table, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Page, Trouble } from '../parts.tsx'
import { read } from '../server.ts'
import { useWords } from '../words.ts'
import { type Correctable, CorrectDay } from './correct-day.tsx'
import { type Day, Entries, nameOf, timesOf, words } from './day-entries.tsx'

const marks: Record<Day['status'], string> = { present: '●', half_day: '◐', absent: '○', auto_not_marked: '·' }
/** More than this is for a report. */
const most = 4_000

async function daysOf(from: string, to: string): Promise<{ days: Day[]; isCut: boolean }> {
  const days: Day[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page = await read('/v1/attendance', { from, to, limit: 200, ...(cursor === '' ? {} : { cursor }) })
    days.push(...(page.items as Day[]))
    cursor = page.nextCursor
    if (cursor !== null && days.length >= most) return { days, isCut: true }
  }
  return { days, isCut: false }
}

const two = (number: number): string => String(number).padStart(2, '0')

/** A month of attendance, person by person, and where one day was begun. */
export function Attendance() {
  const say = useWords()
  const [month, turn] = useState(() => new Date(Date.UTC(new Date().getFullYear(), new Date().getMonth(), 1)))
  const [day, look] = useState<string | null>(null)
  const [wrong, correct] = useState<Correctable | null>(null)
  const prefix = `${month.getUTCFullYear()}-${two(month.getUTCMonth() + 1)}`
  const length = new Date(Date.UTC(month.getUTCFullYear(), month.getUTCMonth() + 1, 0)).getUTCDate()
  const list = useQuery({ queryKey: ['attendance', prefix], queryFn: () => daysOf(`${prefix}-01`, `${prefix}-${two(length)}`) })
  const people = new Map<string, { name: string; days: Map<string, Day> }>()
  for (const one of list.data?.days ?? []) {
    const key = one.employeeId ?? one.name ?? one.id
    const person = people.get(key) ?? { name: one.name ?? one.employeeId ?? '', days: new Map() }
    person.days.set(one.date, one)
    people.set(key, person)
  }
  const ofDay = (list.data?.days ?? []).filter(({ date }) => date === day)
  const dates = Array.from({ length }, (_, at) => `${prefix}-${two(at + 1)}`)
  const step = (by: number) => {
    look(null)
    turn(new Date(Date.UTC(month.getUTCFullYear(), month.getUTCMonth() + by, 1)))
  }
  const title = new Intl.DateTimeFormat(document.documentElement.lang, { month: 'long', year: 'numeric', timeZone: 'UTC' }).format(month)
  return (
    <Page
      title={say('nav.attendance')}
      actions={
        <>
          <Button variant="default" size="xs" onClick={() => step(-1)} aria-label={say('attendance.before')}>
            ‹
          </Button>
          <Text fw={600} role="status">
            {title}
          </Text>
          <Button variant="default" size="xs" onClick={() => step(1)} aria-label={say('attendance.after')}>
            ›
          </Button>
        </>
      }
    >
      <Trouble error={list.error} retry={() => void list.refetch()} />
      {list.data && people.size === 0 && <Text c="dimmed">{say('attendance.empty')}</Text>}
      {list.data?.isCut === true && <Text c="dimmed">{say('attendance.cut', { n: most })}</Text>}
      {people.size > 0 && (
        <>
          <section className="scroll" tabIndex={0} aria-label={say('nav.attendance')}>
            <Table withRowBorders striped stickyHeader>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th scope="col">{say('users.fullName')}</Table.Th>
                  {dates.map((date) => (
                    <Table.Th key={date} scope="col">
                      <button
                        type="button"
                        className="link"
                        aria-pressed={day === date}
                        aria-label={`${Number(date.slice(8))}, ${date}`}
                        onClick={() => look(date)}
                      >
                        {Number(date.slice(8))}
                      </button>
                    </Table.Th>
                  ))}
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {[...people].map(([key, { name, days }]) => (
                  <Table.Tr key={key}>
                    <Table.Th scope="row">{name}</Table.Th>
                    {dates.map((date) => (
                      <Table.Td key={date}>
                        <Mark day={days.get(date)} />
                      </Table.Td>
                    ))}
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </section>
          <Group gap="md">
            {(Object.keys(marks) as Day['status'][]).map((status) => (
              <Text key={status} size="sm">
                {marks[status]} {say(words[status])}
              </Text>
            ))}
          </Group>
          {day === null ? (
            <Text c="dimmed" size="sm">
              {say('attendance.choose')}
            </Text>
          ) : (
            <>
              <Entries date={day} days={ofDay} correct={(one) => correct({ ...one, name: nameOf(one) })} />
              <Places date={day} days={ofDay} />
            </>
          )}
        </>
      )}
      {wrong !== null && <CorrectDay day={wrong} close={() => correct(null)} />}
    </Page>
  )
}

function Mark({ day }: { day: Day | undefined }) {
  const say = useWords()
  if (day === undefined) return null
  const said = [say(words[day.status]), day.timingStatus, timesOf(day)].filter(Boolean).join(', ')
  return (
    <span role="img" aria-label={said} title={said}>
      {marks[day.status]}
    </span>
  )
}

const size = { width: 640, height: 320, edge: 24 }

/** Where people began a day, drawn to scale from their positions alone: no map is asked of anybody. */
function Places({ date, days }: { date: string; days: readonly Day[] }) {
  const say = useWords()
  const points = days.flatMap((day) => {
    const [lat, lng] = (day.checkInLocation ?? '').split(',').map(Number)
    return lat === undefined || lng === undefined || Number.isNaN(lat) || Number.isNaN(lng) || day.checkInLocation === null
      ? []
      : [{ day, lat, lng, x: lng * Math.cos((lat * Math.PI) / 180) }]
  })
  if (points.length === 0) return <Text c="dimmed">{say('attendance.noPlaces', { date })}</Text>
  const [left, right] = [Math.min(...points.map(({ x }) => x)), Math.max(...points.map(({ x }) => x))]
  const [bottom, top] = [Math.min(...points.map(({ lat }) => lat)), Math.max(...points.map(({ lat }) => lat))]
  // at least a kilometre across, so that one place does not fill the picture
  const span = Math.max(right - left, (top - bottom) * 2, 0.01)
  const scale = (size.width - 2 * size.edge) / span
  const [middleX, middleY] = [(left + right) / 2, (bottom + top) / 2]
  return (
    <figure className="places">
      <svg viewBox={`0 0 ${size.width} ${size.height}`} role="img" aria-label={say('attendance.places', { date, n: points.length })}>
        <title>{say('attendance.places', { date, n: points.length })}</title>
        {points.map(({ day, lat, x }) => (
          <circle
            key={day.id}
            cx={size.width / 2 + (x - middleX) * scale}
            cy={size.height / 2 - (lat - middleY) * scale}
            r={7}
            className={day.isLocationValid ? 'inside' : 'outside'}
          >
            <title>{`${day.name ?? day.employeeId ?? ''} ${day.checkInTime ?? ''}`}</title>
          </circle>
        ))}
      </svg>
      <figcaption>
        <Text size="sm">{say('attendance.scale', { date, km: Math.max(1, Math.round(span * 111)) })}</Text>
        <ul className="plain">
          {points.map(({ day, lat, lng }) => (
            <li key={day.id}>
              {day.name ?? day.employeeId} {day.checkInTime?.slice(0, 5)}{' '}
              <Anchor
                underline="always"
                href={`https://www.openstreetmap.org/?mlat=${lat}&mlon=${lng}#map=16/${lat}/${lng}`}
                rel="noreferrer noopener"
                target="_blank"
              >
                {say('attendance.map')}
              </Anchor>
            </li>
          ))}
        </ul>
      </figcaption>
    </figure>
  )
}
