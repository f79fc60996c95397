export type BuiltIn = {
  id: string
  title: string
  description: string
  category: string
  difficulty: 'easy' | 'medium' | 'hard'
  estimatedDuration: number
  tags: string[]
  sections: Record<string, unknown>[]
}

type Extra = { needs?: readonly ('photo' | 'notes')[]; after?: string; isOptional?: true; warning?: string; description?: string }

const item = (
  id: string,
  text: string,
  estimatedTime: number,
  { needs = [], after, isOptional, warning, description = '' }: Extra = {},
) => ({
  id,
  text,
  description,
  estimatedTime,
  requiresPhoto: needs.includes('photo'),
  requiresNotes: needs.includes('notes'),
  isRequired: isOptional !== true,
  dependencies: after === undefined ? [] : [after],
  ...(warning === undefined ? {} : { warningMessage: warning }),
})

/** A short one of a category: what has to be looked at before work begins. */
function short(category: string, title: string, items: readonly [id: string, text: string, needs?: 'photo' | 'notes'][]): BuiltIn {
  return {
    id: `${category}-prework-001`,
    title,
    description: 'What has to be looked at before the work begins.',
    category,
    difficulty: 'easy',
    estimatedDuration: items.length * 5,
    tags: [category, 'prework'],
    sections: [
      {
        id: 'before-work',
        title: 'Before work',
        items: items.map(([id, text, needs]) => item(id, text, 5, needs === undefined ? {} : { needs: [needs] })),
      },
    ],
  }
}

/** Templates that every tenant has (contracts/prework.md section 6). */
export const builtIn: readonly BuiltIn[] = [
  {
    id: 'cleaning-prework-001',
    title: 'Cleaning Pre-Work Checklist',
    description: 'Walk through the property, document its condition and report what cannot wait.',
    category: 'cleaning',
    difficulty: 'medium',
    estimatedDuration: 45,
    tags: ['cleaning', 'prework'],
    sections: [
      {
        id: 'walkthrough-video',
        title: 'Walkthrough & Video Documentation',
        items: [
          item('property-walkthrough', 'Walk through the whole property', 15, { needs: ['photo', 'notes'] }),
          item('video-documentation', 'Record a video of every room', 10, { needs: ['notes'], after: 'property-walkthrough' }),
          item('initial-assessment', 'Assess what has to be done', 10, { needs: ['photo', 'notes'], after: 'property-walkthrough' }),
        ],
      },
      {
        id: 'report-issues',
        title: 'Report Immediate Issues',
        items: [
          item('safety-hazards', 'Report safety hazards', 5, {
            needs: ['photo', 'notes'],
            warning: 'Stop work and call the supervisor when there is a hazard.',
          }),
          item('damage-assessment', 'Document damage that is there already', 10, { needs: ['photo', 'notes'] }),
          item('emergency-issues', 'Report emergencies', 5, { after: 'damage-assessment', isOptional: true }),
          item('contact-management', 'Contact the management', 5, { needs: ['notes'], after: 'safety-hazards', isOptional: true }),
        ],
      },
    ],
  },
  short('safety', 'Safety Pre-Work Checklist', [
    ['protective-equipment', 'Put on protective equipment'],
    ['exits', 'Find exits and extinguishers'],
    ['hazards', 'Look for hazards', 'notes'],
  ]),
  short('equipment', 'Equipment Pre-Work Checklist', [
    ['inspection', 'Inspect the equipment', 'photo'],
    ['test-run', 'Test it without load'],
    ['readings', 'Note the readings', 'notes'],
  ]),
  short('events', 'Event Pre-Work Checklist', [
    ['venue', 'Walk through the venue', 'photo'],
    ['deliveries', 'Check that deliveries are there'],
    ['contacts', 'Note whom to call', 'notes'],
  ]),
  short('healthcare', 'Healthcare Pre-Work Checklist', [
    ['hands', 'Disinfect hands'],
    ['room', 'Check that the room is clean', 'photo'],
    ['supplies', 'Count the supplies', 'notes'],
  ]),
  short('construction', 'Construction Pre-Work Checklist', [
    ['site', 'Inspect the site', 'photo'],
    ['permits', 'Check the permits'],
    ['weather', 'Note the weather', 'notes'],
  ]),
  short('hospitality', 'Hospitality Pre-Work Checklist', [
    ['rooms', 'Inspect the rooms', 'photo'],
    ['stock', 'Check the stock'],
    ['requests', 'Note the guests’ requests', 'notes'],
  ]),
]
