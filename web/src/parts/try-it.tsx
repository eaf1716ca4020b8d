import { type FormEvent, useState } from 'react'
import { type DeploymentSpec, deployments } from '../../../src/contract/deployments.ts'
import type { Output } from '../../../src/contract/endpoint.ts'
import { AppError, messageFrom } from '../../../src/contract/errors.ts'
import { useConsole } from '../console.tsx'
import { formatNumber } from '../format.ts'

/** So many features get a field each; of more, only the first are shown and the rest are missing values. */
const MOST_FIELDS = 60

type Asked = { readonly answer?: Output<typeof deployments.predict>; readonly problem?: string }

/** A form with a field for every feature; the answer is recorded like any other. */
export function TryIt({
  deployment,
  features,
  rules,
}: {
  deployment: string
  features: readonly string[]
  rules: DeploymentSpec['features']
}) {
  const { client } = useConsole()
  const [texts, setTexts] = useState<Readonly<Record<string, string>>>({})
  const [{ answer, problem }, setAsked] = useState<Asked>({})
  const shown = features.slice(0, MOST_FIELDS)

  async function ask(event: FormEvent) {
    event.preventDefault()
    const values = Object.fromEntries(features.map((name) => [name, texts[name]?.trim() ? Number(texts[name]) : null]))
    try {
      setAsked({ answer: await client.call(deployments.predict, { deployment, features: values, actor: 'console', source: 'console' }) })
    } catch (error) {
      setAsked({ problem: error instanceof AppError ? error.message : messageFrom(error) })
    }
  }

  return (
    <form className="try-it" onSubmit={(event) => void ask(event)}>
      <div className="fields">
        {shown.map((name) => (
          <label key={name}>
            {name}
            <input
              inputMode="decimal"
              type="number"
              step="any"
              min={rules[name]?.min}
              max={rules[name]?.max}
              placeholder="missing"
              value={texts[name] ?? ''}
              onChange={(event) => setTexts({ ...texts, [name]: event.target.value })}
            />
          </label>
        ))}
      </div>
      {features.length > shown.length && <p className="dim">{features.length - shown.length} more features are sent as missing.</p>}
      <button type="submit">Predict</button>
      <div role="status">
        {problem && <p className="inline-problem">{problem}</p>}
        {answer && (
          <p>
            <b className="figure">{formatNumber(answer.score)}</b> so <b className="figure">{answer.prediction}</b>, says version{' '}
            {answer.modelVersion} <span className="dim">recorded as {answer.id}</span>
          </p>
        )}
      </div>
    </form>
  )
}
