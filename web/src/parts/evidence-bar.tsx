import { formatEvidence } from '../format.ts'
import { evidencePosition, evidenceWord } from '../health.ts'

const MOST = 1.25

/** Evidence against its threshold on a logarithmic scale; the mark is the threshold. */
export function EvidenceBar({ name, evidence, threshold, alarmed = false, words }: EvidenceBarProps) {
  const word = evidenceWord(evidence, threshold, alarmed)
  const said = words?.[word] ?? word
  const text = `evidence ${formatEvidence(evidence)} of ${formatEvidence(threshold)}: ${said}`
  return (
    <div className={`evidence ${words ? 'plain' : word}`} role="img" aria-label={`${name}: ${text}, on a logarithmic scale`}>
      <div className="evidence-text">
        <span className="evidence-name">{name}</span>
        <span className="figure">
          {formatEvidence(evidence)} <span className="dim">of {formatEvidence(threshold)}</span> <b>{said}</b>
        </span>
      </div>
      <div className="track">
        <div className="fill" style={{ width: `${(evidencePosition(evidence, threshold, MOST) / MOST) * 100}%` }} />
        <div className="mark-at" style={{ left: `${100 / MOST}%` }} />
      </div>
    </div>
  )
}

export type EvidenceBarProps = {
  readonly name: string
  readonly evidence: number
  readonly threshold: number
  readonly alarmed?: boolean
  /** Words of its own, for evidence that is wanted rather than feared. */
  readonly words?: Readonly<Record<'alarm' | 'rising' | 'quiet', string>>
}
