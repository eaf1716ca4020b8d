import { type ClassifiedWindow, judgeClassified } from './judge-classified.ts'
import { judgeRegressed, type RegressedWindow } from './judge-regressed.ts'
import type { JudgedWindow } from './window-rows.ts'

export type WindowInput = ClassifiedWindow | RegressedWindow

/** Estimates a window of a classifier or of a regression. The same input gives the same answer. */
export function judgeWindow(input: WindowInput): JudgedWindow {
  return input.kind === 'regression' ? judgeRegressed(input) : judgeClassified(input)
}
