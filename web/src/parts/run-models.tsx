import { artifacts } from '../../../src/contract/artifacts.ts'
import { registry } from '../../../src/contract/registry.ts'
import type { Run } from '../../../src/contract/runs.ts'
import { useConsole } from '../console.tsx'
import { formatBytes } from '../format.ts'
import { folderOfLoggedModel } from '../places.ts'
import { modelPath, versionPath } from '../routes.ts'
import { useLive } from '../use-live.ts'
import { AliasPill } from './alias-pills.tsx'
import { FileTree } from './file-tree.tsx'
import { Link } from './link.tsx'
import { Pill, Problem } from './notes.tsx'
import { SignatureTable } from './signature.tsx'

/** The models that a run logged, each with what its files say of it. */
export function LoggedModels({ run }: { run: Run }) {
  if (run.models.length === 0) return <p className="dim">No model was logged.</p>
  return run.models.map((id) => {
    const folder = folderOfLoggedModel(run.artifactUri, run.id, id)
    return folder === undefined ? (
      <p key={id}>
        {id} <span className="dim">is kept elsewhere</span>
      </p>
    ) : (
      <LoggedModel key={id} id={id} folder={folder} />
    )
  })
}

function LoggedModel({ id, folder }: { id: string; folder: string }) {
  const { client, base } = useConsole()
  const { value, error } = useLive(`${base}/logged/${folder}`, () => client.call(artifacts.describeModel, { folder }), {
    topics: [],
    pollMs: 60_000,
  })
  const flavors = Object.keys(value?.flavors ?? {}).filter((flavor) => flavor !== 'python_function')
  return (
    <div className="logged-model">
      <p>
        <b>{id}</b> {value && <span className="dim">{[value.format, ...flavors].filter(isFirst).join(', ')}</span>}{' '}
        {value && <span className="dim figure">{formatBytes(value.sizeBytes)}</span>}{' '}
        {value && value.unsafe.length > 0 && <Pill tone="watch">runs code when it is loaded</Pill>}
      </p>
      {error && error.code !== 'not_found' && <Problem error={error} what="This model" stale={value !== undefined} />}
      {error?.code === 'not_found' && <p className="dim">No file of it is here.</p>}
      {value?.signature && <SignatureTable signature={value.signature} />}
      {value && <FileTree folder={folder} label={`Files of ${id}`} />}
    </div>
  )
}

const isFirst = (word: string, at: number, words: readonly string[]) => words.indexOf(word) === at

/** The versions that were registered from a run. */
export function VersionsOfRun({ run }: { run: Run }) {
  const { client, base } = useConsole()
  const filter = `run_id = '${run.id}'`
  const { value, error } = useLive(`${base}/versions-of/${run.id}`, () => client.call(registry.searchVersions, { filter, limit: 50 }), {
    topics: ['registry'],
    pollMs: 60_000,
  })
  if (error) return <Problem error={error} what="The list" stale={value !== undefined} />
  if (value?.length === 0) return <p className="dim">No version was registered from this run.</p>
  return (
    <ul className="plain-list">
      {value?.map(({ model, version, stage, aliases }) => (
        <li key={`${model}/${version}`}>
          <Link to={modelPath(model)}>{model}</Link> <Link to={versionPath(model, version)}>version {version}</Link>{' '}
          <span className="dim">{stage}</span>{' '}
          {aliases.map((alias) => (
            <AliasPill key={alias} alias={alias} />
          ))}
        </li>
      ))}
    </ul>
  )
}
