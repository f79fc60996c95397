import { submissionJobs } from './checklist/remind.ts'
import { documentJobs } from './document/purge.ts'
import { exportJobs } from './export/kept.ts'
import { reportJobs } from './export/reports.ts'
import type { JobHandlers } from './job/handler.ts'
import { mediaJobs } from './media/purge.ts'
import { onboardingJobs } from './onboarding/mail.ts'

/** What the jobs of each kind do, in one list: features that make jobs name their handlers here. */
export const jobHandlers: JobHandlers = {
  ...documentJobs,
  ...mediaJobs,
  ...exportJobs,
  ...reportJobs,
  ...submissionJobs,
  ...onboardingJobs,
}
