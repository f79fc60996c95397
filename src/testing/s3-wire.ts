import type { IncomingHttpHeaders } from 'node:http'
import type { Bucket } from './s3-bucket.ts'
import { S3Error } from './s3-error.ts'

export type Reply = { status: number; headers?: Record<string, string>; body?: string | Buffer }
export type Request = {
  method: string
  url: URL
  headers: IncomingHttpHeaders
  bytes: Buffer
  payload: string
  bucket: Bucket
  key: string
  mostOnPage: number
}

export const tags = (values: Readonly<Record<string, string>>): string =>
  Object.entries(values)
    .filter(([name]) => !name.startsWith('x-'))
    .map(([name, value]) => `<${name}>${value.replace(/&/g, '&amp;').replace(/</g, '&lt;')}</${name}>`)
    .join('')

export const xml = (name: string, inside: string): Reply => ({
  status: 200,
  headers: { 'content-type': 'application/xml' },
  body: `<?xml version="1.0" encoding="UTF-8"?><${name} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inside}</${name}>`,
})

/** `If-None-Match: *` is the one condition of a store. */
export function assertCondition({ headers, bucket, key }: Request): void {
  const condition = headers['if-none-match']
  if (condition !== undefined && condition !== '*') throw new S3Error(501, 'NotImplemented')
  if (condition === '*' && bucket.options.unconditional !== true && bucket.get(key, null) !== null)
    throw new S3Error(412, 'PreconditionFailed')
}

export const headerOf = (value: string | readonly string[] | undefined): string | null => (value === undefined ? null : String(value))
