import { type Command, Option } from 'commander'
import { examplesText } from './command.ts'

const names = `
Table names (environment): USERS_TABLE_NAME, TENANT_TABLE_NAME, APPOINTMENT_TABLE_NAME, and DYNAMODB_<ENTITY>_TABLE for each
(DYNAMODB_SESSIONS_TABLE …). Give the same ones to this command and to every other that works on those tables.`

const examples = [
  ['holdfast aws template --env prod > template.json', 'the whole stack; needs no account, network or data folder'],
] as const

export function addAws(program: Command): void {
  const aws = program.command('aws').summary('Holdfast on AWS').description('Holdfast on AWS: docs/aws.md goes from nothing to running.')
  aws
    .command('template')
    .summary('Print the CloudFormation template')
    .description('Prints one CloudFormation template as JSON: tables, buckets, role, function, its address, key, log and schedule.')
    .addOption(new Option('--env <name>', 'which of the environments it is for').choices(['dev', 'staging', 'prod']).makeOptionMandatory())
    .option('--json', 'accepted as everywhere; the template is JSON anyway')
    .addHelpText('after', `${names}\n${examplesText(examples)}`)
    .action(async ({ env }: { env: 'dev' | 'staging' | 'prod' }) => {
      const { template } = await import('../deploy/cloudformation.ts')
      process.stdout.write(`${JSON.stringify(template(env, process.env), null, 2)}\n`)
    })
}
