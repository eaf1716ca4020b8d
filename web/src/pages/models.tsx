import { useEffect, useState } from 'react'
import { registry } from '../../../src/contract/registry.ts'
import { useConsole } from '../console.tsx'
import { AliasPills } from '../parts/alias-pills.tsx'
import { Instant } from '../parts/instant.tsx'
import { Link } from '../parts/link.tsx'
import { Pill, Problem, Skeleton } from '../parts/notes.tsx'
import { TrackingHint } from '../parts/tracking-hint.tsx'
import { modelPath, versionPath } from '../routes.ts'
import { nameFilter } from '../search.ts'
import { useLive } from '../use-live.ts'

const SHOWN = 200
const PROMPT_TAG = 'mlflow.prompt.is_prompt'

/** The registered models with the versions that their aliases name. */
export function ModelsPage() {
  const { client, base } = useConsole()
  const [words, setWords] = useState('')
  const filter = nameFilter(words)
  const { value, error } = useLive(
    `${base}/models/${filter ?? ''}`,
    () => (filter ? client.call(registry.searchModels, { filter, limit: SHOWN }) : client.call(registry.listModels, { limit: SHOWN })),
    { topics: ['registry'], pollMs: 60_000 },
  )
  useEffect(() => {
    document.title = 'Models · Setpoint'
  }, [])
  return (
    <>
      <div className="page-head">
        <h1>Models</h1>
        <input
          type="search"
          className="search"
          placeholder="Search by name"
          aria-label="Search models by name"
          value={words}
          onChange={(event) => setWords(event.target.value)}
        />
        {value?.length === SHOWN && <p className="dim">the first {SHOWN}</p>}
      </div>
      {error && <Problem error={error} what="The list" stale={value !== undefined} />}
      {!value && !error && <Skeleton rows={6} height={38} />}
      {value?.length === 0 && filter && <p className="dim">No model has “{words.trim()}” in its name.</p>}
      {value?.length === 0 && !filter && (
        <TrackingHint title="No model yet">
          A model shows here as soon as a version is registered: log it with registered_model_name="churn".
        </TrackingHint>
      )}
      {value && value.length > 0 && (
        <div className="table-box">
          <table className="runs">
            <thead>
              <tr>
                <th>Name</th>
                <th className="number">Latest version</th>
                <th>Aliases</th>
                <th>Description</th>
                <th>Last change</th>
              </tr>
            </thead>
            <tbody>
              {value.map((model) => (
                <tr key={model.name}>
                  <td>
                    <Link to={modelPath(model.name)}>{model.name}</Link>{' '}
                    {model.tags[PROMPT_TAG]?.toLowerCase() === 'true' && <Pill tone="plain">prompt</Pill>}
                  </td>
                  <td className="number">
                    {model.latestVersion === 0 ? (
                      <span className="dim">none</span>
                    ) : (
                      <Link to={versionPath(model.name, model.latestVersion)}>v{model.latestVersion}</Link>
                    )}
                  </td>
                  <td>
                    <AliasPills aliases={model.aliases} />
                  </td>
                  <td className="text dim">{model.description}</td>
                  <td>
                    <Instant at={model.updatedAt} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  )
}
