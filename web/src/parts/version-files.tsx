import type { ModelVersion } from '../../../src/contract/model-record.ts'
import { registry } from '../../../src/contract/registry.ts'
import { folderFromArtifactUri } from '../../../src/lib/artifact-uri.ts'
import { useConsole } from '../console.tsx'
import { formatBytes, formatCount } from '../format.ts'
import { versionAddress } from '../places.ts'
import { FileTree } from './file-tree.tsx'
import { SignatureTable, shapeText } from './signature.tsx'

/** What a version takes and gives: as declared in its files, else as its ONNX graph says. */
export function Signature({ version: { signature, facts } }: { version: ModelVersion }) {
  if (signature) return <SignatureTable signature={signature} />
  if (!facts) return <p className="dim">Its files declare none.</p>
  const ports = [...facts.inputs.map((port) => ({ kind: 'input', ...port })), ...facts.outputs.map((port) => ({ kind: 'output', ...port }))]
  return (
    <div className="table-box">
      <table className="compact">
        <thead>
          <tr>
            <th>Takes and gives</th>
            <th>Name</th>
            <th>Type</th>
            <th>Shape</th>
          </tr>
        </thead>
        <tbody>
          {ports.map(({ kind, name, datatype, shape }) => (
            <tr key={`${kind}/${name}`}>
              <td className="dim">{kind}</td>
              <td>{name}</td>
              <td>{datatype}</td>
              <td className="dim">{shapeText(shape)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

export function Features({ features }: { features: readonly string[] }) {
  if (features.length === 0) return null
  return (
    <details>
      <summary>{formatCount(features.length)} features, in the order of the input’s columns</summary>
      <p>{features.join(', ')}</p>
    </details>
  )
}

/** The folder a version was registered from, and the one file that serves. */
export function VersionFiles({ version }: { version: ModelVersion }) {
  const { base } = useConsole()
  const place = version.storage ?? version.source
  const folder = place === null ? undefined : folderFromArtifactUri(place)
  return (
    <>
      {folder !== undefined && <FileTree folder={folder} label="Files of the version" />}
      {folder === undefined && place !== null && <p className="dim">Kept elsewhere: {place}</p>}
      {version.digest && (
        <p>
          <a href={versionAddress(base, registry.downloadArtifact, version.model, version.version)} download>
            Download the model file
          </a>{' '}
          {version.sizeBytes !== null && <span className="dim figure">{formatBytes(version.sizeBytes)}</span>}
        </p>
      )}
      {place === null && version.digest === null && <p className="dim">It has no file.</p>}
    </>
  )
}
