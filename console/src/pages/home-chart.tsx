import { Bar, BarChart, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts'

/** How many entries each day has. */
export function PerDay({ times, label }: { times: readonly string[]; label: string }) {
  const days = new Map<string, number>()
  for (const time of times) days.set(time.slice(0, 10), (days.get(time.slice(0, 10)) ?? 0) + 1)
  const data = [...days].sort(([a], [b]) => (a < b ? -1 : 1)).map(([day, count]) => ({ day, count }))
  return (
    <figure className="chart" aria-label={label}>
      <ResponsiveContainer width="100%" height={180}>
        <BarChart data={data} accessibilityLayer>
          <XAxis dataKey="day" fontSize={12} stroke="currentColor" />
          <YAxis allowDecimals={false} fontSize={12} width={36} stroke="currentColor" />
          <Tooltip />
          <Bar dataKey="count" fill="var(--mantine-primary-color-filled)" isAnimationActive={false} maxBarSize={48} />
        </BarChart>
      </ResponsiveContainer>
    </figure>
  )
}
