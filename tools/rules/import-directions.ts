import { posix } from 'node:path'
import { type Finding, isCode, isTest, lineAt, type Rule, type Source, withoutComments } from '../sources.ts'

type Layer = {
  name: string
  holds(path: string): boolean
  /** Which files it may import; its own layer's are always among them, unless `alone`. */
  may: readonly ((path: string, from: string) => boolean)[]
  /** Which it may import with `import type` only. */
  types?: readonly ((path: string) => boolean)[]
  /** One file of the layer may not import another's folder: engines do not know each other. */
  alone?: true
  says: string
}

const at = (pattern: RegExp) => (path: string) => pattern.test(path)
const any = () => true
const sameFolder = (path: string, from: string) => posix.dirname(path) === posix.dirname(from)

const kernel = at(/^src\/kernel\//)
const errors = at(/^src\/kernel\/errors\.ts$/)
const permissions = at(/^src\/access\/permissions\.ts$/)
const port = at(/^src\/(storage|objects)\/port\.ts$|^src\/backup\/target\.ts$/)
const engine = at(/^src\/(storage|objects|backup)\/[^/]+\//)
const engineParts = at(/^src\/(storage|objects)\/[^/]+\.ts$/)
const route = at(/^src\/http\/route\.ts$/)
const config = at(/^src\/(config|storage-config|backup-config|key-config)\.ts$/)
const main = at(/^src\/(main|server|drill)\.ts$/)
const keyFile = at(/^src\/master-key\.ts$/)
const deploy = at(/^src\/deploy\//)
const outer = at(
  /^src\/(main\.ts|server\.ts|engine\.ts|objects\.ts|config\.ts|storage-config\.ts|backup-config\.ts|key-config\.ts|master-key\.ts|kms\.ts|backups\.ts|backup-worker\.ts|recovery\.ts|drill\.ts|targets\.ts|http|cli|live|surfaces|deploy|storage|objects)/,
)
const feature = (path: string) => path.startsWith('src/') && !outer(path) && !kernel(path) && !engine(path) && !port(path)

const inside = [feature, kernel, permissions, port]

/** DESIGN in one table: main → http | cli | live | surfaces → features → kernel → storage/port. The first layer that holds a file counts. */
const layers: readonly Layer[] = [
  {
    name: 'the composition',
    holds: at(/^src\/((main|server|master-key|kms|engine|objects|targets|backups|backup-worker|recovery|drill)\.ts$|deploy\/)/),
    may: [any],
    says: 'everything',
  },
  { name: 'config', holds: config, may: [config, kernel, permissions], says: 'the kernel' },
  { name: 'the permission table', holds: permissions, may: [], types: [kernel], says: 'types of the kernel' },
  { name: 'a port', holds: port, may: [errors, port], types: [kernel], says: 'types of the kernel and its errors' },
  {
    name: 'an engine',
    holds: engine,
    may: [sameFolder, engineParts, kernel, port],
    alone: true,
    says: 'its own folder, the port and the kernel',
  },
  { name: 'what engines share', holds: engineParts, may: [kernel, port], says: 'the port and the kernel' },
  { name: 'the kernel', holds: kernel, may: [permissions, port], says: 'the permission table and the port' },
  { name: 'a route table', holds: route, may: [kernel, permissions], says: 'the kernel' },
  { name: 'a surface', holds: at(/^src\/surfaces\//), may: [route, ...inside], says: 'features, the kernel and http/route.ts' },
  { name: 'http', holds: at(/^src\/http\//), may: [config, ...inside], says: 'features and the kernel' },
  { name: 'live', holds: at(/^src\/live\//), may: [config, at(/^src\/http\//), ...inside], says: 'http, features and the kernel' },
  {
    name: 'cli',
    holds: at(/^src\/cli\//),
    may: [main, keyFile, deploy, config, route, ...inside],
    says: 'main.ts, server.ts, deploy, config.ts, features and the kernel',
  },
  { name: 'a feature', holds: feature, may: inside, says: 'features, the kernel and the ports' },
]

type Import = { target: string; typeOnly: boolean; line: number }

const statement = /\b(?:import|export)\s+(type\s+)?(?:[\w$*{}\s,]+?\s+from\s+)?'(\.[^']+)'/g
const expression = /\bimport\(\s*'(\.[^']+)'|new URL\(\s*'(\.[^']+\.ts)',\s*import\.meta\.url/g

function importsOf({ path, text }: Source): Import[] {
  const code = withoutComments(text)
  const resolve = (specifier: string) => posix.join(posix.dirname(path), specifier)
  return [
    ...[...code.matchAll(statement)].map((m) => ({
      target: resolve(m[2] ?? ''),
      typeOnly: m[1] !== undefined,
      line: lineAt(code, m.index),
    })),
    ...[...code.matchAll(expression)].map((m) => ({ target: resolve(m[1] ?? m[2] ?? ''), typeOnly: false, line: lineAt(code, m.index) })),
  ]
}

function allowed(layer: Layer, from: string, { target, typeOnly }: Import): boolean {
  if (!target.startsWith('src/') || isTest(target)) return false
  if (layer.alone !== true && layer.holds(target)) return true
  return layer.may.some((may) => may(target, from)) || (typeOnly && (layer.types ?? []).some((may) => may(target)))
}

function findingsOf(source: Source): Finding[] {
  const layer = layers.find((each) => each.holds(source.path))
  return importsOf(source)
    .filter((found) =>
      layer ? !allowed(layer, source.path, found) : source.path.startsWith('console/') && found.target.startsWith('src/'),
    )
    .map(({ target, line }) => {
      const reason = layer ? `${layer.name} may import ${layer.says}` : 'the console talks to the generated client alone'
      return { path: source.path, line, message: `imports ${target}: ${reason}` }
    })
}

export const importDirections: Rule = {
  name: 'import directions',
  check: (sources) => sources.filter(({ path }) => isCode(path) && !isTest(path)).flatMap(findingsOf),
}
