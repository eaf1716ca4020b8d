import type { Shell } from '../shell.ts'

export type Progress = {
  /** Redraws the line at most ten times a second. `share` is 0 to 1; absent when the end is not known. */
  update(share: number | undefined, text: string): void
  /** Clears the line. */
  end(): void
}

const EVERY_MS = 100
const BAR = 24

/** A line that shows how far long work has come, on the stream for notes and for a person only. */
export function createProgress(shell: Pick<Shell, 'terminal' | 'now'>): Progress {
  let drawnMs = Number.NEGATIVE_INFINITY
  let drawn = false
  return {
    update(share, text) {
      if (!shell.terminal.watched || shell.now() - drawnMs < EVERY_MS) return
      drawnMs = shell.now()
      drawn = true
      const line = `${share === undefined ? '' : `${barText(share)} `}${text}`
      shell.terminal.note(`\r${[...line].slice(0, (shell.terminal.columns ?? 100) - 1).join('')}\x1b[K`)
    },
    end() {
      if (drawn) shell.terminal.note('\r\x1b[K')
      drawn = false
    },
  }
}

export function barText(share: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * BAR)
  return `${'█'.repeat(filled)}${'░'.repeat(BAR - filled)} ${String(Math.floor(Math.min(1, share) * 100)).padStart(3)}%`
}
