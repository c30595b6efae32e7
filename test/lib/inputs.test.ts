import { describe, expect, it } from 'vitest'
import { readInputs } from '../../lib/inputs.ts'
import { aConfig, aKind } from './stacks.ts'

const read = (p: Partial<Parameters<typeof readInputs>[0]>) => readInputs({ stage: 'dev', config: aConfig(), ...p })

describe('a stage', () => {
  it('is dev where none is named', () => {
    expect(read({ stage: undefined })).toMatchObject({ ok: true, inputs: { stage: { name: 'dev', disposable: true } } })
  })

  it.each(['dev', 'dev-anna', 'dev2'])('%s may be thrown away', (stage) => {
    expect(read({ stage })).toMatchObject({ inputs: { stage: { disposable: true } } })
  })

  it.each(['prod', 'staging', 'live', 'de'])('%s is kept', (stage) => {
    expect(read({ stage })).toMatchObject({ inputs: { stage: { disposable: false } } })
  })

  it.each(['', 'Dev', '1dev', 'dev stage', 'a'.repeat(21), 7, ['dev']])('%j is refused by one line', (stage) => {
    const result = read({ stage })
    expect(result).toMatchObject({ ok: false, faults: [expect.stringContaining('stage: ')] })
  })
})

describe('a configuration', () => {
  it('is refused with a line for each of its faults, each naming the file and the place', () => {
    const config = aConfig({ kinds: { reply: aKind({ pool: 'elsewhere' }), intro: aKind({ pool: 'nowhere' }) } })
    expect(read({ config })).toEqual({
      ok: false,
      faults: [
        'fairlead.config.ts: kinds.reply.pool: no pool is named elsewhere',
        'fairlead.config.ts: kinds.intro.pool: no pool is named nowhere',
      ],
    })
  })

  it('that is missing is one fault', () => {
    const result = read({ config: undefined })
    expect(!result.ok && result.faults).toHaveLength(1)
  })
})

describe('a topic for alarms', () => {
  it('may be left out', () => {
    expect(read({})).not.toHaveProperty('inputs.alarmTopic')
  })

  it('is an ARN, or refused by one line', () => {
    const alarmTopic = 'arn:aws:sns:eu-west-1:123456789012:alarms'
    expect(read({ alarmTopic })).toMatchObject({ inputs: { alarmTopic } })
    expect(read({ alarmTopic: 'alarms' })).toMatchObject({ faults: [expect.stringContaining('alarmTopic: "alarms"')] })
  })
})
