import { Bar, BarChart, ResponsiveContainer, XAxis, YAxis } from 'recharts'
import { ChartTooltip } from '../chart-tooltip.tsx'

/** A number for each day, the oldest first. */
export function PerDay({ days, label }: { days: readonly { day: string; count: number }[]; label: string }) {
  return (
    <figure className="chart" aria-label={label}>
      <ResponsiveContainer width="100%" height={180}>
        <BarChart data={[...days]} accessibilityLayer>
          <XAxis dataKey="day" fontSize={12} stroke="currentColor" />
          <YAxis allowDecimals={false} fontSize={12} width={36} stroke="currentColor" />
          <ChartTooltip />
          <Bar dataKey="count" name={label} fill="var(--mantine-primary-color-filled)" isAnimationActive={false} maxBarSize={48} />
        </BarChart>
      </ResponsiveContainer>
    </figure>
  )
}
