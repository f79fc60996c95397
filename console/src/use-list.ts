import { useInfiniteQuery } from '@tanstack/react-query'
import { read } from './server.ts'

export type Row = Record<string, unknown> & { id: string }

/** A list of the server, page after page as far as one scrolls. `type` is what its changes are told by. */
export function useList(type: string, path: string, query: Record<string, string | number | undefined> = {}) {
  const list = useInfiniteQuery({
    queryKey: [type, path, query],
    queryFn: ({ pageParam }) => read(path, { limit: 100, ...query, ...(pageParam === '' ? {} : { cursor: pageParam }) }),
    initialPageParam: '',
    getNextPageParam: (page) => page.nextCursor,
  })
  const rows = (list.data?.pages.flatMap(({ items }) => items) ?? []) as Row[]
  const more = list.hasNextPage ? () => void (list.isFetchingNextPage ? undefined : list.fetchNextPage()) : null
  return { rows, more, error: list.error, isPending: list.isPending, refetch: () => void list.refetch() }
}

export const text = (value: unknown): string => (value === null || value === undefined ? '' : String(value))
