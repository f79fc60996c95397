import { Card, SimpleGrid, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { lazy, Suspense } from 'react'
import { Page, Trouble } from '../parts.tsx'
import { api, ask, isRefused } from '../server.ts'
import { showNumber, showTime, useWords } from '../words.ts'

const Chart = lazy(() => import('./home-chart.tsx').then((chart) => ({ default: chart.PerDay })))

function Figure({ title, value, more, isBad }: { title: string; value: string; more?: string | undefined; isBad?: boolean }) {
  return (
    <Card withBorder>
      <Text size="sm" c="dimmed">
        {title}
      </Text>
      <Text size="xl" fw={700} c={isBad ? 'red' : undefined}>
        {value}
      </Text>
      {more !== undefined && <Text size="sm">{more}</Text>}
    </Card>
  )
}

/** How many entries each day has. */
function perDay(entries: readonly { time: string }[]): { day: string; count: number }[] {
  const days = new Map<string, number>()
  for (const { time } of entries) days.set(time.slice(0, 10), (days.get(time.slice(0, 10)) ?? 0) + 1)
  return [...days].map(([day, count]) => ({ day, count })).sort((a, b) => (a.day < b.day ? -1 : 1))
}

/** The four numbers that matter, and what happened lately. */
export function Home() {
  const say = useWords()
  const integrity = useQuery({ queryKey: ['integrity'], queryFn: () => ask(api.GET('/v1/integrity')) })
  const people = useQuery({ queryKey: ['user', 'counts'], queryFn: () => ask(api.GET('/v1/users/counts')) })
  const audit = useQuery({
    queryKey: ['audit', 'home'],
    queryFn: () => ask(api.GET('/v1/audit', { params: { query: { limit: 200, order: 'desc' } } })),
  })
  const hidden = (error: unknown, value: string | undefined): string =>
    isRefused(error, 'forbidden') ? say('home.noRight') : error ? '–' : (value ?? say('say.loading'))
  const found = integrity.data
  const proven = found && (found.backups.newestProvenAt === null ? say('home.never') : showTime(found.backups.newestProvenAt))
  const entries = audit.data?.items ?? []
  return (
    <Page title={say('nav.home')}>
      <SimpleGrid cols={{ base: 1, xs: 2, lg: 4 }}>
        <Figure title={say('home.proven')} value={hidden(integrity.error, proven)} isBad={found?.backups.newestProvenAt === null} />
        <Figure
          title={say('home.users')}
          value={hidden(people.error, people.data && showNumber(people.data.active))}
          more={people.data && say('home.activeToday', { n: showNumber(people.data.activeToday) })}
        />
        <Figure
          title={say('home.log')}
          value={hidden(integrity.error, found && showNumber(found.log.entries))}
          isBad={found?.status === 'suspect'}
        />
        <Figure
          title={say('home.problems')}
          value={hidden(integrity.error, found && showNumber(found.problems.length + found.rows.mismatched))}
          isBad={(found?.problems.length ?? 0) > 0}
        />
      </SimpleGrid>
      {people.data !== undefined && people.data.days.length > 0 && (
        <>
          <Title order={2} size="h4">
            {say('home.activePerDay')}
          </Title>
          <Suspense>
            <Chart days={people.data.days.map(({ date, active }) => ({ day: date, count: active }))} label={say('home.activePerDay')} />
          </Suspense>
        </>
      )}
      {!isRefused(audit.error, 'forbidden') && (
        <>
          <Title order={2} size="h4">
            {audit.data?.nextCursor == null ? say('home.perDay') : say('home.perDayOf', { n: showNumber(entries.length) })}
          </Title>
          <Suspense>{entries.length > 0 && <Chart days={perDay(entries)} label={say('home.perDay')} />}</Suspense>
          <Title order={2} size="h4">
            {say('home.recent')}
          </Title>
          <Trouble error={audit.error} retry={() => void audit.refetch()} />
          <Stack gap={4}>
            {entries.slice(0, 12).map(({ sequence, time, actor, action, entity }) => (
              <Text key={sequence} size="sm">
                {showTime(time)} · {actor.name} · {action}
                {entity ? ` · ${entity.type}` : ''}
              </Text>
            ))}
          </Stack>
        </>
      )}
    </Page>
  )
}
