/** Tells each listener; what one of them throws is told, and keeps it from no other. */
export function tellAll<T>(listeners: Iterable<(told: T) => void>, told: T, onProblem: (error: Error) => void): void {
  for (const listener of listeners) {
    try {
      listener(told)
    } catch (error) {
      onProblem(error instanceof Error ? error : new Error(String(error)))
    }
  }
}
