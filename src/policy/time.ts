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
