import type { Output } from '../../contract/endpoint.ts'
import type { gates } from '../../contract/gates.ts'
import type { ledger } from '../../contract/ledger.ts'

/** Why a reply that arrived means “no”, for the operations that are asked as a question; undefined when it means yes. */
export function refusalIn(operation: string, reply: unknown): string | undefined {
  switch (operation) {
    case 'ledger.verify': {
      const { intact, broken } = reply as Output<typeof ledger.verify>
      if (intact) return undefined
      return `the ledger is broken at ${broken?.n == null ? broken?.subject : `entry ${broken.n} (${broken.subject})`}: ${broken?.reason}`
    }
    case 'gates.evaluateGate': {
      const { verdict, gate, challenger, reason } = reply as Output<typeof gates.evaluateGate>
      return verdict === 'pass' ? undefined : `gate ${gate} does not pass version ${challenger}: ${reason}`
    }
    default:
      return undefined
  }
}
