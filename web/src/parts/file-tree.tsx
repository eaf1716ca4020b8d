import { useState } from 'react'
import { type ArtifactEntry, artifacts } from '../../../src/contract/artifacts.ts'
import { useConsole } from '../console.tsx'
import { formatBytes, formatCount } from '../format.ts'
import { downloadAddress, lastNameOf } from '../places.ts'
import { useLive } from '../use-live.ts'
import { Problem } from './notes.tsx'

const MOST_LISTED = 1_000
const POLL_MS = 30_000

/** The files below a folder of artifacts; a folder inside it is read when it is opened. */
export function FileTree({ folder, label }: { folder: string; label: string }) {
  const { client, base } = useConsole()
  const { value: size } = useLive(`${base}/size/${folder}`, () => client.call(artifacts.measureFolder, { folder }), {
    topics: [],
    pollMs: POLL_MS,
  })
  if (size?.files === 0) return <p className="dim">No file was stored.</p>
  return (
    <>
      <ul className="files" aria-label={label}>
        <Level folder={folder} />
      </ul>
      {size && (
        <p className="dim">
          {formatCount(size.files)} {size.files === 1 ? 'file' : 'files'}, {formatBytes(size.sizeBytes)}
        </p>
      )}
    </>
  )
}

function Level({ folder }: { folder: string }) {
  const { client, base } = useConsole()
  const { value, error } = useLive(`${base}/files/${folder}`, () => client.call(artifacts.listFiles, { folder, limit: MOST_LISTED }), {
    topics: [],
    pollMs: POLL_MS,
  })
  return (
    <>
      {error && (
        <li>
          <Problem error={error} what="This folder" stale={value !== undefined} />
        </li>
      )}
      {!value && !error && <li className="dim">reading…</li>}
      {value?.map((entry) => (entry.isFolder ? <Folder key={entry.path} entry={entry} /> : <File key={entry.path} entry={entry} />))}
      {value?.length === MOST_LISTED && <li className="dim">and more: “setpoint artifacts list-files --folder {folder}” lists them all</li>}
    </>
  )
}

function Folder({ entry }: { entry: ArtifactEntry }) {
  const [isOpen, setOpen] = useState(false)
  return (
    <li>
      <button type="button" className="folder" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <span aria-hidden="true">{isOpen ? '▾' : '▸'}</span> {lastNameOf(entry.path)}/
      </button>
      {isOpen && (
        <ul>
          <Level folder={entry.path} />
        </ul>
      )}
    </li>
  )
}

function File({ entry }: { entry: ArtifactEntry }) {
  const { base } = useConsole()
  return (
    <li className="file">
      <a
        href={downloadAddress(base, entry.path)}
        download={lastNameOf(entry.path)}
        title={entry.digest ? `SHA-256 ${entry.digest}` : undefined}
      >
        {lastNameOf(entry.path)}
      </a>
      <span className="number dim">{formatBytes(entry.sizeBytes)}</span>
    </li>
  )
}
