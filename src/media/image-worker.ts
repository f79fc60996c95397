import { parentPort } from 'node:worker_threads'
import sharp from 'sharp'

/** Enough for any phone, and too few for a picture that is made to fill the memory. */
const mostPixels = 60_000_000
const secondsEach = 20

sharp.cache(false)
sharp.concurrency(1)

const formats = { 'image/jpeg': 'jpeg', 'image/png': 'png', 'image/webp': 'webp' } as const

export type ImageAsked = { id: number; bytes: Uint8Array; type: string }
export type ImageAnswer =
  | { id: number; width: number; height: number; display: Uint8Array; thumbnail: Uint8Array }
  | { id: number; problem: string }

/** The upright picture without its metadata, no larger than a screen, and a small one. */
async function copies({ id, bytes, type }: ImageAsked): Promise<ImageAnswer> {
  const format = formats[type as keyof typeof formats]
  const open = () =>
    sharp(bytes, { limitInputPixels: mostPixels, failOn: 'error', sequentialRead: true }).timeout({ seconds: secondsEach }).rotate()
  const read = await sharp(bytes, { limitInputPixels: mostPixels }).metadata()
  if (read.format !== format) return { id, problem: `The bytes are ${read.format}, not ${format}.` }
  const display = await open()
    .resize(1920, 1080, { fit: 'inside', withoutEnlargement: true })
    .toFormat(format)
    .toBuffer({ resolveWithObject: true })
  // from the copy, which is decoded in a fraction of the time
  const thumbnail = await sharp(display.data)
    .resize(300, 300, { fit: 'inside', withoutEnlargement: true })
    .flatten({ background: '#ffffff' })
    .jpeg({ quality: 80 })
    .toBuffer()
  const isTurned = (read.orientation ?? 1) >= 5
  const [width, height] = isTurned ? [read.height, read.width] : [read.width, read.height]
  return { id, width, height, display: display.data, thumbnail }
}

parentPort?.on('message', async (asked: ImageAsked) => {
  let answer: ImageAnswer
  try {
    answer = await copies(asked)
  } catch (error) {
    answer = { id: asked.id, problem: error instanceof Error ? error.message : 'The picture cannot be read.' }
  }
  parentPort?.postMessage(answer)
})
