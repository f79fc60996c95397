import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { createPresignedPost } from '@aws-sdk/s3-presigned-post'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { attachment } from '../described.ts'
import type { Described, SignedDownload, SignedUpload } from '../port.ts'
import { base64Of } from './bytes.ts'

type Target = { client: S3Client; Bucket: string; Key: string }

/** A signature counts in whole seconds from this one on. */
function span(seconds: number): { signingDate: Date; expiresIn: number; expiresAt: string } {
  const startMs = Math.floor(Date.now() / 1_000) * 1_000
  return { signingDate: new Date(startMs), expiresIn: seconds, expiresAt: new Date(startMs + seconds * 1_000).toISOString() }
}

/** Length, type, digest and the condition are signed headers: S3 refuses the request when one of them is another. */
export async function signPut({ client, Bucket, Key }: Target, { size, sha256, type }: Described, seconds: number): Promise<SignedUpload> {
  const { expiresAt, ...when } = span(seconds)
  const headers = { 'content-type': type, 'x-amz-checksum-sha256': base64Of(sha256), 'if-none-match': '*' }
  const command = new PutObjectCommand({
    Bucket,
    Key,
    ContentLength: size,
    ContentType: type,
    ChecksumSHA256: headers['x-amz-checksum-sha256'],
    IfNoneMatch: '*',
  })
  const url = await getSignedUrl(client, command, {
    ...when,
    // the presigner leaves the type out unless it is told, and moves the digest into the query, where not every S3 looks at it
    signableHeaders: new Set(['content-type']),
    unhoistableHeaders: new Set(['x-amz-checksum-sha256']),
  })
  return { method: 'PUT', url, headers, expiresAt }
}

/** A POST policy binds the same, but has no condition on what is there. */
export async function signPost({ client, Bucket, Key }: Target, { size, sha256, type }: Described, seconds: number): Promise<SignedUpload> {
  const { expiresAt } = span(seconds)
  const { url, fields } = await createPresignedPost(client, {
    Bucket,
    Key,
    Expires: seconds,
    Conditions: [['content-length-range', size, size]],
    Fields: { 'Content-Type': type, 'x-amz-checksum-algorithm': 'SHA256', 'x-amz-checksum-sha256': base64Of(sha256) },
  })
  return { method: 'POST', url, fields, expiresAt }
}

export async function signGet(
  { client, Bucket, Key }: Target,
  { attachmentName, type }: { attachmentName: string; type: string },
  seconds: number,
): Promise<SignedDownload> {
  const { expiresAt, ...when } = span(seconds)
  const command = new GetObjectCommand({
    Bucket,
    Key,
    ResponseContentDisposition: attachment(attachmentName),
    ResponseContentType: type,
    ResponseCacheControl: 'no-store',
  })
  return { url: await getSignedUrl(client, command, when), expiresAt }
}
