import { findEach, isCode, isTest, type Rule } from '../sources.ts'

/** Who may leave a tenant's boundary: sign-in, the tenant directory, the frame around them, and operators. */
const allowed =
  /^src\/(session|tenant|cli|kernel|storage|deploy|backup|move)\/|^src\/(main|backups|recovery)\.ts$|^src\/http\/authenticate\.ts$/

export const platformScope: Rule = {
  name: 'platform scope',
  check: (sources) =>
    sources
      .filter(({ path }) => path.startsWith('src/') && isCode(path) && !isTest(path) && !allowed.test(path))
      .flatMap((source) =>
        findEach(source, /\.platform\s*\(|\bPlatformStore\b/g, 'reaches across tenants: only session, tenant, cli and the frame may'),
      ),
}
