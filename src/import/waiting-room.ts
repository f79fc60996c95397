import type { ImportedUser } from './read-user.ts'

/** Users whose manager stands further down in the file, by that manager's folded username. Only they are kept in memory. */
export function waitingRoom() {
  const rooms = new Map<string, ImportedUser[]>()

  return {
    enter(users: readonly ImportedUser[]): void {
      for (const user of users) {
        const { manager } = user
        const awaited = manager === null ? '' : 'id' in manager ? manager.id : manager.fold
        const room = rooms.get(awaited)
        if (room === undefined) rooms.set(awaited, [user])
        else room.push(user)
      }
    },
    /** Those who waited for one of these. */
    leave(made: readonly string[]): ImportedUser[] {
      const users: ImportedUser[] = []
      for (const username of made) {
        users.push(...(rooms.get(username) ?? []))
        rooms.delete(username)
      }
      return users
    },
    leaveAll(): ImportedUser[] {
      const users = [...rooms.values()].flat()
      rooms.clear()
      return users.sort((a, b) => a.row - b.row)
    },
  }
}
