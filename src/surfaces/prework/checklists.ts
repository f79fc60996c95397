import { z } from 'zod'
import {
  createChecklist,
  getChecklist,
  getChecklistProgress,
  listChecklists,
  removeChecklist,
  updateChecklist,
} from '../../checklist/operations.ts'
import { getSubmission, listSubmissions, review, submit, updateSubmission } from '../../checklist/submissions.ts'
import { createTemplate, getTemplate, listTemplates, removeTemplate, updateTemplate } from '../../checklist/templates.ts'
import { createWork, getTeamAnalytics, getWork, listWork, removeWork, updateWork } from '../../checklist/work.ts'
import { type Route, route, type WireRequest } from '../../http/route.ts'
import { asked, bodyInput, queryInput, told, withMessage } from './shapes.ts'

const mine = ['actor_mismatch', 'tenant_mismatch']
const one = (code: string) => ({ 403: mine, 404: ['organization_not_found', code] })
const checklist = one('checklist_not_found')
const submission = one('submission_not_found')
const list = { 404: ['organization_not_found'], 400: ['bad_cursor'] }

/** In checklists `userId` of a body means whoever sends it. */
const ofCaller =
  (...params: readonly string[]) =>
  (request: WireRequest) => {
    const { where, fields } = asked(request, ['userId'])
    return { ...fields, ...Object.fromEntries(params.map((name) => [name, request.params[name]])), ...where }
  }
const byPath = (request: WireRequest) => ({ ...request.params, ...asked(request).where })

const success = { success: z.literal(true) }

/** Checklists, templates, assignments of work, and submissions (contracts/prework.md, sections 6 and 7). */
export const checklistRoutes: readonly Route[] = [
  route('GET', '/api/checklists/templates', listTemplates, { problems: list, input: queryInput([]) }),
  route('POST', '/api/checklists/templates', createTemplate, {
    responseSchema: createTemplate.output,
    status: 201,
    problems: { 403: mine, 404: ['organization_not_found'], 413: ['document_too_large'] },
    input: bodyInput(),
    reply: (made) => ({ status: 201, body: made }),
  }),
  route('GET', '/api/checklists/templates/:templateId', getTemplate, { problems: one('template_not_found'), input: byPath }),
  route('PUT', '/api/checklists/templates/:templateId', updateTemplate, {
    problems: { ...one('template_not_found'), 409: ['revision_conflict'], 413: ['document_too_large'] },
    input: bodyInput('templateId'),
  }),
  route('DELETE', '/api/checklists/templates/:templateId', removeTemplate, {
    responseSchema: told,
    problems: one('template_not_found'),
    input: byPath,
    reply: () => ({ body: { message: 'Template deleted successfully' } }),
  }),

  route('GET', '/api/checklists', listChecklists, {
    responseSchema: listChecklists.output.extend(success),
    problems: list,
    query: { userId: 'Whose.', status: 'Of the submission.' },
    input: queryInput([], ['userId', 'status']),
    reply: (page) => ({ body: { ...page, success: true } }),
  }),
  route('POST', '/api/checklists', createChecklist, {
    responseSchema: withMessage(createChecklist).extend({ ...success, checklistId: z.uuid() }),
    problems: { 400: ['source_missing'], 403: mine, 404: ['organization_not_found', 'template_not_found'], 413: ['document_too_large'] },
    input: ofCaller(),
    reply: ({ checklist: made }) => ({
      body: { success: true, checklistId: made.checklistId, checklist: made, message: 'Checklist saved successfully' },
    }),
  }),
  route('GET', '/api/checklists/:checklistId', getChecklist, { problems: checklist, input: byPath }),
  route('PUT', '/api/checklists/:checklistId', updateChecklist, {
    problems: { ...checklist, 409: ['frozen', 'revision_conflict'] },
    input: ofCaller('checklistId'),
  }),
  route('DELETE', '/api/checklists/:checklistId', removeChecklist, {
    responseSchema: told,
    problems: { ...checklist, 409: ['frozen'] },
    input: byPath,
    reply: () => ({ body: { message: 'Checklist deleted successfully' } }),
  }),
  route('GET', '/api/checklists/:checklistId/progress', getChecklistProgress, { problems: checklist, input: byPath }),

  route('POST', '/api/assignments', createWork, {
    responseSchema: withMessage(createWork),
    status: 201,
    problems: { 403: mine, 404: ['organization_not_found', 'checklist_not_found', 'team_not_found', 'user_not_found'] },
    input: bodyInput(),
    reply: (made) => ({ status: 201, body: { ...made, message: 'Assignment created successfully' } }),
  }),
  route('GET', '/api/assignments', listWork, {
    problems: list,
    query: {
      userId: 'Direct ones and those of a team.',
      teamId: 'Of a team.',
      checklistId: 'Of a checklist.',
      status: 'As it stands now.',
    },
    input: queryInput([], ['userId', 'teamId', 'checklistId', 'status']),
  }),
  route('GET', '/api/assignments/:assignmentId', getWork, { problems: one('assignment_not_found'), input: byPath }),
  route('PATCH', '/api/assignments/:assignmentId', updateWork, {
    problems: {
      403: mine,
      404: ['organization_not_found', 'assignment_not_found', 'team_not_found', 'user_not_found'],
      409: ['invalid_transition', 'revision_conflict'],
    },
    input: bodyInput('assignmentId'),
  }),
  route('DELETE', '/api/assignments/:assignmentId', removeWork, {
    responseSchema: told,
    problems: one('assignment_not_found'),
    input: byPath,
    reply: () => ({ body: { message: 'Assignment deleted successfully' } }),
  }),
  route('GET', '/api/teams/:teamId/analytics', getTeamAnalytics, {
    problems: one('team_not_found'),
    query: { from: 'Assignments made since then.', to: 'Assignments made until then.' },
    input: (request) => ({
      ...request.params,
      ...(request.query.from === undefined ? {} : { from: request.query.from }),
      ...(request.query.to === undefined ? {} : { to: request.query.to }),
      ...asked(request).where,
    }),
  }),

  route('GET', '/api/submissions', listSubmissions, {
    problems: list,
    query: { userId: 'Whose.', status: 'Which.', reviewable: 'true: those whose open step one may decide now.' },
    input: queryInput([], ['userId', 'status', 'reviewable']),
  }),
  route('GET', '/api/submissions/:submissionId', getSubmission, { problems: submission, input: byPath }),
  route('PUT', '/api/submissions/:submissionId', updateSubmission, {
    problems: { ...submission, 409: ['frozen', 'revision_conflict'] },
    input: ofCaller('submissionId'),
  }),
  route('POST', '/api/submissions/:submissionId/submit', submit, {
    problems: { ...submission, 409: ['invalid_transition'], 422: ['submission_incomplete'] },
    input: ofCaller('submissionId'),
  }),
  route('POST', '/api/submissions/:submissionId/review', review, {
    problems: { ...submission, 409: ['invalid_transition'] },
    input: ofCaller('submissionId'),
  }),
]
