const longest = 100

/** A name that is safe in a path, a header and a shell: the last segment, other characters as `_`, no run of dots, none at its beginning, at most 100 characters with its extension (contracts/prework.md, section 9). */
export function fileNameOf(given: string): string {
  const last = given.split(/[/\\]/).at(-1) ?? ''
  const safe = last
    .replace(/[^A-Za-z0-9._-]/g, '_')
    .replace(/\.{2,}/g, '.')
    .replace(/^\.+/, '')
  if (safe === '') return 'file'
  if (safe.length <= longest) return safe
  const extension = /\.[A-Za-z0-9_-]{1,16}$/.exec(safe)?.[0] ?? ''
  return safe.slice(0, longest - extension.length) + extension
}
