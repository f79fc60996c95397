import { AppError } from '../kernel/errors.ts'
import { readManifest } from './manifest.ts'
import { linesOf } from './read-snapshot.ts'
import type { Target } from './target.ts'

/** Reads a snapshot's manifest and its smallest file with one identity and nothing else. Resolves to what is wrong, in words, or null. Errors: those of the target. */
export async function kitProblem(target: Target, id: string, identity: string): Promise<string | null> {
  try {
    const manifest = await readManifest(target, id, { identities: [identity], publicKeys: null })
    const [smallest] = [...(manifest?.files ?? [])].sort((a, b) => a.bytes - b.bytes)
    if (manifest === null || smallest === undefined) return 'It is not there any more.'
    for await (const _ of linesOf({ target, manifest, identities: [identity] }, smallest.part));
    return null
  } catch (error) {
    if (error instanceof AppError && error.kind === 'unprocessable') return error.message
    throw error
  }
}
