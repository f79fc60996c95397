import { Button, Group, Text } from '@mantine/core'
import { useState } from 'react'
import { Rows, Trouble, told } from '../parts.tsx'
import { api, ask, queries } from '../server.ts'
import { useWords, type Word } from '../words.ts'

export type Day = {
  id: string
  employeeId: string | null
  name: string | null
  date: string
  status: 'present' | 'half_day' | 'absent' | 'auto_not_marked'
  timingStatus: string | null
  checkInTime: string | null
  checkOutTime: string | null
  checkInLocation: string | null
  isLocationValid: boolean
  isLeaveDay: boolean
  remarks: string | null
  isConfirmedByDc: boolean
  isApprovedByAdmin: boolean
  version: number
}

export const words: Record<Day['status'], Word> = {
  present: 'attendance.present',
  half_day: 'attendance.half',
  absent: 'attendance.absent',
  auto_not_marked: 'attendance.none',
}
export const nameOf = ({ name, employeeId }: Pick<Day, 'name' | 'employeeId'>): string => name ?? employeeId ?? ''
export const timesOf = ({ checkInTime, checkOutTime }: Day): string =>
  [checkInTime, checkOutTime]
    .filter((time) => time !== null)
    .map((time) => time.slice(0, 5))
    .join(' – ')

/** As many as the server approves at once. */
const atOnce = 1_000

/** Everybody's entry of one day, each to be put right and to be approved. */
export function Entries({ date, days, correct }: { date: string; days: readonly Day[]; correct: (day: Day) => void }) {
  const say = useWords()
  const [error, fail] = useState<unknown>(null)
  const [waiting, wait] = useState<string[]>([])
  const open = days.filter(({ isApprovedByAdmin }) => !isApprovedByAdmin)
  async function approve(chosen: readonly Day[]) {
    fail(null)
    wait([])
    const ids = chosen.slice(0, atOnce).map(({ id }) => id)
    await ask(api.POST('/v1/attendance/approvals', { body: { ids } })).then(async ({ approved, blocked }) => {
      if (approved > 0) told(say('attendance.toldApproved', { n: approved }))
      wait(blocked.map((one) => nameOf(days.find(({ id }) => id === one.id) ?? { name: null, employeeId: one.employeeId })))
      await queries.invalidateQueries({ queryKey: ['attendance'] })
    }, fail)
  }
  return (
    <>
      {open.length > 0 && (
        <Group>
          <Button size="xs" variant="default" onClick={() => void approve(open)}>
            {say('attendance.approveDay', { date })}
          </Button>
        </Group>
      )}
      <Trouble error={error} />
      {waiting.length > 0 && (
        <Text role="status" size="sm">
          {say('attendance.waits', { names: waiting.join(', ') })}
        </Text>
      )}
      <Rows<Day>
        label={say('attendance.entries')}
        rows={days}
        keyOf={({ id }) => id}
        empty={say('attendance.empty')}
        columns={[
          { title: say('users.fullName'), show: nameOf, wide: 2 },
          { title: say('col.status'), show: ({ status }) => say(words[status]) },
          { title: say('attendance.times'), show: timesOf, isMinor: true },
          { title: say('attendance.remarks'), show: ({ remarks }) => remarks ?? '', wide: 2, isMinor: true },
          {
            title: say('attendance.approval'),
            wide: 2,
            show: (day) => (
              <Group gap="2px 8px">
                {day.isApprovedByAdmin ? (
                  say('attendance.approved')
                ) : (
                  <Button
                    size="compact-xs"
                    aria-label={`${say('attendance.approve')}: ${nameOf(day)}`}
                    title={day.isConfirmedByDc ? say('attendance.confirmed') : undefined}
                    onClick={() => void approve([day])}
                  >
                    {say('attendance.approve')}
                  </Button>
                )}
                <Button
                  size="compact-xs"
                  variant="default"
                  aria-label={`${say('attendance.correct')}: ${nameOf(day)}`}
                  onClick={() => correct(day)}
                >
                  {say('attendance.correct')}
                </Button>
              </Group>
            ),
          },
        ]}
      />
    </>
  )
}
