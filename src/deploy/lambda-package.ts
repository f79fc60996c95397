import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '../kernel/errors.ts'
import { bundle, root } from './bundle.ts'
import { zip } from './zip.ts'

/** As AWS names them, and as npm does. */
const architectures = { x86_64: 'x64', arm64: 'arm64' } as const
type Architecture = keyof typeof architectures
export const ownArchitecture: Architecture = process.arch === 'arm64' ? 'arm64' : 'x86_64'

/** Files that the code reads by names that it makes up; those beside a source are found by `bundle`. */
const others = [
  'src/http/docs-page.css',
  'node_modules/swagger-ui-dist/package.json',
  'node_modules/swagger-ui-dist/swagger-ui.css',
  'node_modules/swagger-ui-dist/swagger-ui-bundle.js',
  'node_modules/swagger-ui-dist/favicon-32x32.png',
]

/** The function's code as a zip: handler `index.handler`. No setting and no secret is in it. Errors: `native_missing`. */
export async function packageLambda(architecture: Architecture): Promise<Buffer> {
  const files = new Map<string, Uint8Array>()
  const natives = nativeFiles(architecture)
  const { code, assets } = await bundle()
  for (const [path, content] of code) files.set(path, content)
  for (const path of [...assets, ...others, ...natives]) files.set(path, readFileSync(join(root, path)))
  files.set('package.json', ownPackage())
  return zip(files)
}

/** The password hash is native code: its loader, and the binary for Amazon Linux on this architecture. */
function nativeFiles(architecture: Architecture): string[] {
  const loader = 'node_modules/@node-rs/argon2'
  const binary = `${loader}-linux-${architectures[architecture]}-gnu`
  if (!existsSync(join(root, binary))) throw missing(binary.replace('node_modules/', ''), architecture)
  return [loader, binary].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => /^package\.json$|\.(js|cjs|node)$/.test(name))
      .map((name) => `${folder}/${name}`),
  )
}

function missing(name: string, architecture: Architecture): AppError {
  const { version } = JSON.parse(readFileSync(join(root, 'node_modules/@node-rs/argon2/package.json'), 'utf8')) as { version: string }
  return new AppError(
    'unprocessable',
    'native_missing',
    `The native code for ${architecture} is not installed here. Run: npm install --no-save --force ${name}@${version}`,
  )
}

/** What the code asks of it: its version, and that files are modules. */
function ownPackage(): Buffer {
  const { name, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, unknown>
  return Buffer.from(`${JSON.stringify({ name, version, type: 'module' })}\n`)
}
