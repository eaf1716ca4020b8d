import { useState } from 'react'
import { AppError, messageFrom } from '../../../src/contract/errors.ts'
import { runs } from '../../../src/contract/runs.ts'
import { useConsole } from '../console.tsx'

type ExportRunsProps = { readonly experiment: string; readonly filter: string; readonly orderBy: readonly string[] }

/** Downloads all runs that the filter finds, in the order of the table, as CSV. */
export function ExportRuns({ experiment, filter, orderBy }: ExportRunsProps) {
  const { client } = useConsole()
  const [state, setState] = useState<{ busy: boolean; problem?: string }>({ busy: false })
  async function download() {
    setState({ busy: true })
    try {
      const input = { experiments: [experiment], filter: filter || undefined, orderBy: [...orderBy], format: 'csv' as const }
      save(await (await client.download(runs.export, input)).blob(), `runs-${experiment}.csv`)
      setState({ busy: false })
    } catch (thrown) {
      setState({ busy: false, problem: thrown instanceof AppError ? thrown.message : messageFrom(thrown) })
    }
  }
  return (
    <>
      <button type="button" className="quiet" disabled={state.busy} onClick={() => void download()}>
        {state.busy ? 'Downloading…' : 'Download as CSV'}
      </button>
      {state.problem && (
        <span role="alert" className="inline-problem">
          {state.problem}
        </span>
      )}
    </>
  )
}

function save(file: Blob, name: string): void {
  const address = URL.createObjectURL(file)
  const link = Object.assign(document.createElement('a'), { href: address, download: name })
  link.click()
  URL.revokeObjectURL(address)
}
