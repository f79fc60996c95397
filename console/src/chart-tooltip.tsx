import { Tooltip } from 'recharts'

/** What a bar is about, readable in light and dark. */
export const ChartTooltip = () => (
  <Tooltip
    cursor={false}
    contentStyle={{ background: 'var(--mantine-color-body)', borderColor: 'var(--mantine-color-default-border)' }}
    itemStyle={{ color: 'var(--mantine-color-text)' }}
  />
)
