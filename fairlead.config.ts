/** What you edit: pools (a provider's quota each), kinds of jobs, who may call. docs/configuration.md explains each field. */
import type { SettingsInput } from './core/settings.ts'

const settings: SettingsInput = {
  pools: {
    main: {
      provider: { kind: 'bedrock' },
      // On one machine a simulated provider stands in for Bedrock until you set this to 'provider'.
      local: 'simulated',
      requests: 300,
      windowMs: 60_000,
      tiers: { high: 60, medium: 30, low: 10 },
      // People's own tools call these through POST /v1/chat/completions, before any job.
      people: { models: ['anthropic.claude-3-5-haiku-20241022-v1:0'] },
    },
  },
  kinds: {
    reply: {
      pool: 'main',
      tier: 'high',
      model: 'anthropic.claude-3-5-haiku-20241022-v1:0',
      system: 'You answer a lead on behalf of a seller. Be brief, warm and exact. Never invent facts.',
      prompt:
        'Lead: {{lead.name}} of {{lead.company}}.\nConversation so far:\n{{conversation}}\n\nWrite the reply to the last message.',
      maxOutputTokens: 300,
    },
    intro: {
      pool: 'main',
      tier: 'medium',
      model: 'anthropic.claude-3-5-haiku-20241022-v1:0',
      system: 'You write a first email to a lead on behalf of a seller. At most 120 words.',
      prompt: 'Lead: {{lead.name}} of {{lead.company}}. Why now: {{reason}}.\n\nWrite the introduction.',
      maxOutputTokens: 400,
      review: { policy: 'required', team: 'main' },
    },
    nudge: {
      pool: 'main',
      tier: 'low',
      model: 'anthropic.claude-3-5-haiku-20241022-v1:0',
      system: 'You remind a lead, politely and in at most 60 words.',
      prompt: 'Lead: {{lead.name}} of {{lead.company}}, last contact {{lastContact}}.\n\nWrite the reminder.',
      maxOutputTokens: 200,
      review: { policy: 'sample', rate: 0.1, team: 'main' },
    },
    'agent-step': {
      pool: 'main',
      tier: 'medium',
      model: 'anthropic.claude-3-5-haiku-20241022-v1:0',
      prompt: '{{prompt}}',
      maxOutputTokens: 1000,
    },
  },
  // In AWS callers are IAM roles; each gets an owner and scopes here.
  callers: [],
}

export default settings
