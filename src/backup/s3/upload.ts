import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { isAnswer } from '../../objects/s3-failures.ts'
import { digest, type Part } from './parts.ts'

export type Bucket = { client: S3Client; name: string }

type Sent = { PartNumber: number; ETag: string | undefined; ChecksumSHA256: string }

/** Stores a file part by part. Nobody sees any of it until all parts are there; what fails is taken back. */
export async function uploadParts(
  { client, name }: Bucket,
  key: string,
  first: Part,
  rest: AsyncIterable<Part>,
): Promise<'stored' | 'exists'> {
  const place = { Bucket: name, Key: key }
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ ...place, ChecksumAlgorithm: 'SHA256' }))
  const upload = { ...place, UploadId }
  const sent: Sent[] = []

  async function send({ number, bytes }: Part): Promise<void> {
    const ChecksumSHA256 = digest(bytes).toString('base64')
    const { ETag } = await client.send(new UploadPartCommand({ ...upload, PartNumber: number, Body: bytes, ChecksumSHA256 }))
    sent.push({ PartNumber: number, ETag, ChecksumSHA256 })
  }

  try {
    await send(first)
    for await (const part of rest) await send(part)
    await client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: sent }, IfNoneMatch: '*' }))
    return 'stored'
  } catch (error) {
    // after a lost answer the second attempt finds the upload ended, or its own file in the way
    if (isAnswer(error, 'NoSuchUpload', 'PreconditionFailed') && (await isOurs({ client, name }, key, sent))) return 'stored'
    await client.send(new AbortMultipartUploadCommand(upload)).catch(() => {}) // the bucket's own rule removes what stays
    if (isAnswer(error, 'PreconditionFailed')) return 'exists'
    throw error
  }
}

/** Whether the file there is made of exactly these parts. S3 names one of parts by the digest of their digests. */
async function isOurs({ client, name }: Bucket, key: string, sent: readonly Sent[]): Promise<boolean> {
  const found = await client.send(new HeadObjectCommand({ Bucket: name, Key: key, ChecksumMode: 'ENABLED' }))
  const whole = digest(Buffer.concat(sent.map(({ ChecksumSHA256 }) => Buffer.from(ChecksumSHA256, 'base64'))))
  return found.ChecksumSHA256 === `${whole.toString('base64')}-${sent.length}`
}
