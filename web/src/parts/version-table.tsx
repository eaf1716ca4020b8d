import type { ModelVersion } from '../../../src/contract/model-record.ts'
import { formatNumber, NONE } from '../format.ts'
import { versionPath } from '../routes.ts'
import { AliasPill } from './alias-pills.tsx'
import { Instant } from './instant.tsx'
import { Link } from './link.tsx'
import { Pill } from './notes.tsx'

const MOST_METRICS = 4

/** The versions of a model, newest first, with what their evaluations measured. */
export function VersionTable({ versions }: { versions: readonly ModelVersion[] }) {
  if (versions.length === 0) return <p className="dim">No version was registered.</p>
  const metrics = commonestMetrics(versions)
  return (
    <div className="table-box">
      <table className="compact">
        <thead>
          <tr>
            <th>Version</th>
            <th>Stage</th>
            <th>Aliases</th>
            <th>Format</th>
            {metrics.map((metric) => (
              <th key={metric} className="number">
                {metric}
              </th>
            ))}
            <th>Notes</th>
            <th>Registered</th>
            <th>By</th>
          </tr>
        </thead>
        <tbody>
          {versions.map((version) => (
            <tr key={version.version}>
              <td>
                <Link to={versionPath(version.model, version.version)}>v{version.version}</Link>{' '}
                {version.semanticVersion && <span className="dim">{version.semanticVersion}</span>}
              </td>
              <td>{version.stage}</td>
              <td>
                <span className="pills">
                  {version.aliases.map((alias) => (
                    <AliasPill key={alias} alias={alias} />
                  ))}
                </span>
              </td>
              <td>{formatText(version)}</td>
              {metrics.map((metric) => (
                <td key={metric} className="number">
                  {version.evaluation?.metrics[metric] === undefined ? NONE : formatNumber(version.evaluation.metrics[metric])}
                </td>
              ))}
              <td>
                <Notes version={version} />
              </td>
              <td>
                <Instant at={version.createdAt} />
              </td>
              <td className="dim">{version.createdBy}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

/** The metrics that most versions were measured by, so that versions can be told apart. */
function commonestMetrics(versions: readonly ModelVersion[]): string[] {
  const uses = new Map<string, number>()
  for (const { evaluation } of versions)
    for (const name of Object.keys(evaluation?.metrics ?? {})) uses.set(name, (uses.get(name) ?? 0) + 1)
  return [...uses]
    .sort(([, many], [, more]) => more - many)
    .slice(0, MOST_METRICS)
    .map(([name]) => name)
}

function Notes({ version: { unsafe, warnings } }: { version: ModelVersion }) {
  return (
    <span className="pills">
      {unsafe.length > 0 && <Pill tone="watch">unsafe files</Pill>}
      {warnings.length > 0 && (
        <span className="dim" title={warnings.join('\n')}>
          {warnings.length === 1 ? '1 warning' : `${warnings.length} warnings`}
        </span>
      )}
    </span>
  )
}

/** What a version holds, with the flavours it can be loaded as: `mlflow: sklearn`. */
export function formatText({ format, flavors }: Pick<ModelVersion, 'format' | 'flavors'>): string {
  const named = flavors.filter((flavor) => flavor !== 'python_function' && flavor !== format)
  return named.length > 0 ? `${format}: ${named.join(', ')}` : format
}
