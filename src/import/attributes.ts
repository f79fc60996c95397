/** The value of an attribute, which is plain or typed as DynamoDB writes it: `{"S":"x"}`, `{"N":"1"}`, `{"BOOL":true}`, `{"NULL":true}`, `{"L":[…]}`, `{"M":{…}}`. */
export function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const [only, more] = Object.entries(value)
  if (only === undefined || more !== undefined) return value
  const [type, inner] = only as [string, unknown]
  switch (type) {
    case 'S':
    case 'BOOL':
      return inner
    case 'N':
      return numberOf(inner)
    case 'NULL':
      return null
    case 'L':
      return Array.isArray(inner) ? inner.map(plain) : value
    case 'M':
      return typeof inner === 'object' && inner !== null
        ? Object.fromEntries(Object.entries(inner).map(([name, one]) => [name, plain(one)]))
        : value
    default:
      return value
  }
}

/** Numbers travel as text. One that a JavaScript number cannot hold exactly stays text. */
function numberOf(inner: unknown): unknown {
  if (typeof inner !== 'string' || inner.trim() === '') return inner
  const number = Number(inner)
  return Number.isFinite(number) && (!Number.isInteger(number) || Number.isSafeInteger(number)) ? number : inner
}
