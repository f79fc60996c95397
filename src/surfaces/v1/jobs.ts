import { type Route, route } from '../../http/route.ts'
import { cancelJob, getJob, listJobs, retryJob } from '../../job/operations.ts'

/** Work in the background, for those who look after it. */
export const jobRoutes: readonly Route[] = [
  route('GET', '/v1/jobs', listJobs, { problems: { 422: ['bad_cursor'] } }),
  route('GET', '/v1/jobs/:id', getJob),
  route('POST', '/v1/jobs/:id/retry', retryJob, { problems: { 409: ['job_not_ended'] } }),
  route('POST', '/v1/jobs/:id/cancel', cancelJob, { problems: { 409: ['job_ended'] } }),
]
