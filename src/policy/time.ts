const formats = new Map<string, Intl.DateTimeFormat>()

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone)
  if (known !== undefined) return known
  const made = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' })
  formats.set(timeZone, made)
  return made
}

/** How many minutes the zone is ahead of UTC at that time (IANA time zone database). */
function offsetMinutes(ms: number, timeZone: string): number {
  const name = formatOf(timeZone)
    .formatToParts(ms)
    .find(({ type }) => type === 'timeZoneName')?.value
  const [, sign, hours = '0', minutes = '0'] = /^GMT(?:([+-])(\d{2}):(\d{2}))?/.exec(name ?? '') ?? []
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes))
}

/** ISO 8601 with milliseconds and the zone's offset: `2026-11-26T10:15:30.250+05:30`. */
export function zonedTime(ms: number, timeZone: string): string {
  const offset = offsetMinutes(ms, timeZone)
  const two = (value: number): string => String(value).padStart(2, '0')
  const size = Math.abs(offset)
  return `${new Date(ms + offset * 60_000).toISOString().slice(0, -1)}${offset < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`
}

/** A moment as the clocks of a zone show it. */
export type LocalTime = {
  /** `YYYY-MM-DD`. */
  date: string
  /** `HH:MM:SS`; parts of a second are cut off, so that limits are inclusive to the second. */
  time: string
}

export function localTime(ms: number, timeZone: string): LocalTime {
  const text = new Date(ms + offsetMinutes(ms, timeZone) * 60_000).toISOString()
  return { date: text.slice(0, 10), time: text.slice(11, 19) }
}

/** When the zone's next day begins: the first millisecond whose date is another. */
export function midnightAfter(ms: number, timeZone: string): number {
  const { date } = localTime(ms, timeZone)
  // no day is longer than 25 hours, where clocks are put back
  let [within, beyond] = [ms, ms + 26 * 3_600_000]
  while (beyond - within > 1) {
    const middle = Math.floor((within + beyond) / 2)
    if (localTime(middle, timeZone).date === date) within = middle
    else beyond = middle
  }
  return beyond
}

/** Whether the zone is one of the IANA time zone database; an offset such as `+05:30` is none. */
export function isTimeZone(name: string): boolean {
  try {
    return /^[A-Za-z]/.test(name) && formatOf(name) !== undefined
  } catch {
    return false
  }
}

/** The day of the week of a date `YYYY-MM-DD`: 0 = Sunday. */
export const weekdayOf = (date: string): number => new Date(`${date}T00:00:00Z`).getUTCDay()

/** The date so many days later. */
export const daysAfter = (date: string, days: number): string =>
  new Date(Date.parse(`${date}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10)

/** How many days from one date to another, neither more nor less than the calendar has: 0 for the same. */
export const daysBetween = (from: string, to: string): number =>
  Math.round((Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / 86_400_000)

/** Every date from one to another, both included. */
export function* datesFrom(from: string, to: string): Generator<string> {
  for (let date = from; date <= to; date = daysAfter(date, 1)) yield date
}

/** `HH:MM` or `HH:MM:SS` as clocks with twelve hours say it: `09:45 AM`, `12:00 PM`. */
export function twelveHours(time: string): string {
  const hour = Number(time.slice(0, 2))
  return `${String(hour % 12 || 12).padStart(2, '0')}:${time.slice(3, 5)} ${hour < 12 ? 'AM' : 'PM'}`
}
