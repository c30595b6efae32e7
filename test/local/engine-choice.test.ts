import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { chosenEngine, type EngineName } from '../../local/engine/choice.ts'
import { findDynoxide } from '../../local/engine/dynoxide.ts'
import { aFolder, clearAll } from '../support/started.ts'

afterAll(clearAll)

const BINARY = findDynoxide()
const FILES = { dynoxide: 'fairlead.db', journal: 'journal.jsonl' }

function aFolderOf(...kept: readonly EngineName[]) {
  const path = aFolder()
  for (const name of kept) writeFileSync(join(path, FILES[name]), 'state')
  return { path, dbPath: join(path, FILES.dynoxide), journalPath: join(path, FILES.journal) }
}

describe('the engine of a folder', () => {
  it('is the one asked for, or the embedded one where it is installed, while the folder is empty', () => {
    expect(chosenEngine(aFolderOf(), 'journal')).toBeUndefined()
    expect(chosenEngine(aFolderOf(), undefined)).toBe(BINARY)
  })

  it('is the one that has kept its state, without a word', () => {
    expect(chosenEngine(aFolderOf('journal'), undefined)).toBeUndefined()
    expect(chosenEngine(aFolderOf('journal'), 'journal')).toBeUndefined()
    if (BINARY) expect(chosenEngine(aFolderOf('dynoxide'), undefined)).toBe(BINARY)
    else expect(() => chosenEngine(aFolderOf('dynoxide'), undefined)).toThrow(/not installed: install it/)
  })

  it.each([
    ['dynoxide', 'journal'],
    ['journal', 'dynoxide'],
  ] as const)('is never another than that: %s is refused where the %s has kept something', (wish, kept) => {
    const folder = aFolderOf(kept)
    expect(() => chosenEngine(folder, wish)).toThrow(
      `${folder.path} holds what --engine ${kept} has kept: leave the option out to go on with it, use --data with another folder, or --reset to forget it`,
    )
  })

  it('is to be said where two have kept something', () => {
    const folder = aFolderOf('dynoxide', 'journal')
    expect(() => chosenEngine(folder, undefined)).toThrow(/say --engine dynoxide or --engine journal$/)
    expect(chosenEngine(folder, 'journal')).toBeUndefined()
  })
})
