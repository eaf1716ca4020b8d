import { registry } from '../../../src/contract/registry.ts'
import { useConsole } from '../console.tsx'
import { versionAddress } from '../places.ts'
import { useLive } from '../use-live.ts'
import { Problem } from './notes.tsx'

/** The model card of a version as it is written, and a way to take it along. */
export function ModelCard({ model, version }: { model: string; version: number }) {
  const { client, base } = useConsole()
  const { value, error } = useLive(
    `${base}/card/${model}/${version}`,
    async () => (await client.download(registry.getCard, { model, version })).text(),
    { topics: ['registry'], pollMs: 600_000 },
  )
  const address = versionAddress(base, registry.getCard, model, version)
  return (
    <>
      {error && <Problem error={error} what="The card" stale={value !== undefined} />}
      {value && <pre className="card-text">{value}</pre>}
      <p>
        <a href={address} download={`${model}-${version}.md`}>
          Download as Markdown
        </a>{' '}
        ·{' '}
        <a href={`${address}?format=json`} download={`${model}-${version}.json`}>
          as JSON
        </a>
      </p>
    </>
  )
}
