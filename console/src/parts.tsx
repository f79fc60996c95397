import { Alert, Button, Group, Modal, Stack, Text, Title } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { useVirtualizer } from '@tanstack/react-virtual'
import { type ReactNode, useEffect, useRef, useState } from 'react'
import { isRefused } from './server.ts'
import { showNumber, useWords } from './words.ts'

export function Page({ title, actions, children }: { title: string; actions?: ReactNode; children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Holdfast`
  }, [title])
  return (
    <Stack gap="md">
      <Group justify="space-between">
        <Title order={1} size="h2">
          {title}
        </Title>
        <Group gap="xs">{actions}</Group>
      </Group>
      {children}
    </Stack>
  )
}

/** A refusal in words, with a way on. */
export function Trouble({ error, retry }: { error: unknown; retry?: () => void }) {
  const say = useWords()
  if (error == null) return null
  const isStale = isRefused(error, 'version_conflict')
  return (
    <Alert color="red" role="alert" variant="light">
      <Text size="sm">{isStale ? say('say.conflict') : error instanceof TypeError ? say('app.away') : (error as Error).message}</Text>
      {retry && (
        <Button size="xs" mt="xs" variant="default" onClick={retry}>
          {say(isStale ? 'do.reload' : 'do.retry')}
        </Button>
      )}
    </Alert>
  )
}

export const told = (message: string) => notifications.show({ message, color: 'teal', withCloseButton: false })

/** Says what will be lost, and asks. */
export function Ask({ text, action, run }: { text: string; action: string; run: () => Promise<unknown> }) {
  const say = useWords()
  const [isOpen, open] = useState(false)
  const [error, fail] = useState<unknown>(null)
  const [isBusy, busy] = useState(false)
  const go = async () => {
    busy(true)
    fail(null)
    await run().then(() => open(false), fail)
    busy(false)
  }
  return (
    <>
      <Button size="xs" color="red" variant="light" onClick={() => open(true)}>
        {action}
      </Button>
      <Modal opened={isOpen} onClose={() => open(false)} title={action} closeButtonProps={{ 'aria-label': say('do.close') }}>
        <Stack>
          <Text>{text}</Text>
          <Trouble error={error} />
          <Group justify="end">
            <Button variant="default" data-autofocus onClick={() => open(false)}>
              {say('do.cancel')}
            </Button>
            <Button color="red" loading={isBusy} onClick={() => void go()}>
              {action}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  )
}

export type Column<T> = { title: string; show(row: T): ReactNode; wide?: number; isMinor?: true }

type RowsProps<T> = {
  label: string
  rows: readonly T[]
  columns: readonly Column<T>[]
  empty: string
  keyOf(row: T): string
  open?: (row: T) => void
  more?: (() => void) | null
}

/** A list of any length: only the rows in sight are in the page. More are asked for as the end comes near. */
export function Rows<T>({ label, rows, columns, empty, keyOf, open, more }: RowsProps<T>) {
  const say = useWords()
  const box = useRef<HTMLDivElement>(null)
  const height = 48
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => box.current, estimateSize: () => height, overscan: 8 })
  const shown = virtual.getVirtualItems()
  const lastIndex = shown.at(-1)?.index ?? 0
  useEffect(() => {
    if (more && lastIndex >= rows.length - 20) more()
  }, [more, lastIndex, rows.length])
  if (rows.length === 0) return <Text c="dimmed">{empty}</Text>
  const template = columns.map(({ wide = 1 }) => `minmax(0, ${wide}fr)`).join(' ')
  return (
    <div>
      <div className="rows" role="table" aria-label={label} aria-rowcount={rows.length + 1} style={{ ['--columns' as never]: template }}>
        <div className="row head" role="row">
          {columns.map(({ title, isMinor }) => (
            <span key={title} role="columnheader" className={isMinor && 'minor'}>
              {title}
            </span>
          ))}
        </div>
        <div className="body" ref={box} tabIndex={0} role="rowgroup" style={{ height: Math.min(rows.length * height, 560) }}>
          <div role="presentation" style={{ height: virtual.getTotalSize(), position: 'relative' }}>
            {shown.map(({ index, start }) => {
              const row = rows[index] as T
              return (
                <div
                  key={keyOf(row)}
                  className="row"
                  role="row"
                  aria-rowindex={index + 2}
                  style={{ transform: `translateY(${start}px)`, height, position: 'absolute', insetInline: 0 }}
                >
                  {columns.map(({ title, show, isMinor }, place) => (
                    <span key={title} role="cell" className={isMinor && 'minor'}>
                      {place === 0 && open ? (
                        <button type="button" className="link" onClick={() => open(row)}>
                          {show(row)}
                        </button>
                      ) : (
                        show(row)
                      )}
                    </span>
                  ))}
                </div>
              )
            })}
          </div>
        </div>
      </div>
      <Text size="xs" c="dimmed" mt={4}>
        {say('say.shown', { n: `${showNumber(rows.length)}${more ? '+' : ''}` })}
      </Text>
    </div>
  )
}
