import { Bar, BarChart, ReferenceLine, ResponsiveContainer, XAxis, YAxis } from 'recharts'
import { ChartTooltip } from '../chart-tooltip.tsx'

/** How many contacts each person has, beside what would be even. */
export function Loads({ people, label }: { people: readonly { name: string; contacts: number }[]; label: string }) {
  const data = [...people].sort((a, b) => b.contacts - a.contacts).slice(0, 60)
  const even = people.reduce((sum, { contacts }) => sum + contacts, 0) / Math.max(1, people.length)
  return (
    <figure className="chart" aria-label={label}>
      <ResponsiveContainer width="100%" height={220}>
        <BarChart data={data} accessibilityLayer>
          <XAxis dataKey="name" fontSize={12} stroke="currentColor" interval="preserveStartEnd" />
          <YAxis allowDecimals={false} fontSize={12} width={44} stroke="currentColor" />
          <ChartTooltip />
          <ReferenceLine y={even} stroke="currentColor" strokeDasharray="4 4" />
          <Bar dataKey="contacts" name={label} fill="var(--mantine-primary-color-filled)" isAnimationActive={false} maxBarSize={40} />
        </BarChart>
      </ResponsiveContainer>
    </figure>
  )
}
