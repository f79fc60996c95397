/** Works on so many items at once. After a failure nothing more is begun, and it is thrown when what had begun has ended. */
export async function sideBySide<T>(items: Iterable<T>, atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  const queue = items[Symbol.iterator]()
  let hasFailed = false
  const lanes = Array.from({ length: atOnce }, async () => {
    for (let next = queue.next(); !next.done && !hasFailed; next = queue.next()) {
      try {
        await work(next.value)
      } catch (error) {
        hasFailed = true
        throw error
      }
    }
  })
  const failure = (await Promise.allSettled(lanes)).find(({ status }) => status === 'rejected')
  if (failure?.status === 'rejected') throw failure.reason
}
