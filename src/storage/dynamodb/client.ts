import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb'

export type Place = { region: string; endpoint: string | null }

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

/** An emulator on this machine: what protects a real table is waived there, and missing tables are made. */
export const isLocal = ({ endpoint }: Place): boolean => endpoint !== null && loopback.test(new URL(endpoint).hostname)

/** Requests at once: beyond it they wait for a connection. */
const sockets = 256

/**
 * The SDK's client. It repeats what was throttled or lost on the way, with jitter, a bounded number of times; a transaction keeps its `ClientRequestToken` then, so that it is
 * done once. A loopback endpoint gets made-up credentials unless some are set.
 */
export function connect(place: Place): DynamoDBClient {
  const config: DynamoDBClientConfig = {
    region: place.region,
    maxAttempts: 5,
    requestHandler: {
      connectionTimeout: 2_000,
      requestTimeout: 10_000,
      httpAgent: { maxSockets: sockets },
      httpsAgent: { maxSockets: sockets },
    },
  }
  if (place.endpoint !== null) config.endpoint = place.endpoint
  if (isLocal(place) && process.env.AWS_ACCESS_KEY_ID === undefined && process.env.AWS_PROFILE === undefined)
    config.credentials = { accessKeyId: 'local', secretAccessKey: 'local' }
  return new DynamoDBClient(config)
}
