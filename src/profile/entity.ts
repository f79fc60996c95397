import { z } from 'zod'
import { type Entity, entity } from '../kernel/entity.ts'

const text = z.string().nullable()

export const location = z.object({ address: text, city: text, state: text, zipCode: text, country: z.string() })
export const preferences = z.object({
  notifications: z.object({ email: z.boolean(), push: z.boolean(), sms: z.boolean() }),
  language: z.string(),
  timezone: z.string(),
})

/** What a person tells of themselves beside their login (contracts/prework.md section 4). Same id as the user, made with them or when it is first written. */
export const Profile = entity('profile', {
  table: 'profiles',
  fields: {
    firstName: text,
    lastName: text,
    jobTitle: text,
    department: text,
    phoneNumber: text,
    bio: text,
    avatarUrl: text,
    location,
    preferences,
  },
  belongsTo: { id: 'user' },
  erased: {
    firstName: () => null,
    lastName: () => null,
    jobTitle: () => null,
    department: () => null,
    phoneNumber: () => null,
    bio: () => null,
    avatarUrl: () => null,
    location: () => blankProfile.location,
  },
})
export type ProfileRow = Entity<typeof Profile>

/** A profile of which nothing was told yet. */
export const blankProfile = {
  firstName: null,
  lastName: null,
  jobTitle: null,
  department: null,
  phoneNumber: null,
  bio: null,
  avatarUrl: null,
  location: { address: null, city: null, state: null, zipCode: null, country: 'US' },
  preferences: { notifications: { email: true, push: true, sms: false }, language: 'en', timezone: 'America/New_York' },
}
