/** Invented people for demonstrations. Whoever bears such a name is meant by chance only. */
const firstNames = [
  'Ada',
  'Bruno',
  'Clara',
  'Dario',
  'Elif',
  'Femi',
  'Greta',
  'Hugo',
  'Ines',
  'Jonas',
  'Kaya',
  'Liam',
  'Mira',
  'Nils',
  'Olga',
  'Pavel',
  'Quinn',
  'Rosa',
  'Samir',
  'Tilda',
]
const lastNames = [
  'Ashford',
  'Brook',
  'Calder',
  'Dunmore',
  'Ember',
  'Fenwick',
  'Glenn',
  'Harrow',
  'Ives',
  'Juniper',
  'Kestrel',
  'Larkin',
  'Marlow',
  'Northway',
  'Orchard',
  'Penrose',
  'Quill',
]

/** The name of the nth invented person, from 1. */
export function personName(n: number): { first: string; last: string } {
  // the lengths have no common divisor, so names repeat late
  return { first: firstNames[n % firstNames.length] ?? '', last: lastNames[n % lastNames.length] ?? '' }
}

/** A domain that no one can own (RFC 2606). */
export const mailDomain = 'example.com'
