import type { Command } from 'commander'
import { setUpDynamodb } from '../deploy/dynamodb-tables.ts'
import { AppError } from '../kernel/errors.ts'
import { command } from './command.ts'
import { table } from './table.ts'

export function addDynamodb(program: Command): void {
  const dynamodb = program.command('dynamodb').summary('Amazon DynamoDB as the storage').description('Amazon DynamoDB as the storage.')
  command<object>(dynamodb, 'setup', {
    summary: 'Create the tables where no template did, and protect those that are there',
    examples: [
      ['HOLDFAST_STORAGE=dynamodb://eu-central-1?prefix=acme holdfast dynamodb setup', 'may be run again: what is right is left alone'],
      ['holdfast dynamodb setup --json', 'what was done with each table, for programs'],
    ],
  }).doesAlone(async ({ config }) => {
    const { storage } = config
    if (storage.engine !== 'dynamodb')
      throw new AppError(
        'invalid',
        'bad_setting',
        `HOLDFAST_STORAGE chooses ${storage.engine}. Set it to dynamodb://region?prefix=name to set up tables there.`,
      )
    const document = { region: storage.region, endpoint: storage.endpoint, tables: await setUpDynamodb(storage) }
    return {
      document,
      words: table(
        ['table', 'outcome'],
        document.tables.map(({ table: name, outcome }) => [name, outcome]),
      ),
    }
  })
}
