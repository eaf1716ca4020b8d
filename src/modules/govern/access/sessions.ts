import { roleScopes } from '../../../contract/access.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import type { Access } from './access.ts'
import { hashSecret } from './identity.ts'
import * as store from './store.ts'

const SIGN_IN_MS = 10 * 60_000
const SESSION_MS = 12 * 3_600_000

type Deps = { sql: Sql; clock: Clock; randomToken: () => string; forget: () => void }

/** One-time sign-in links and the console sessions they open. */
export function createSessions({ sql, clock, randomToken, forget }: Deps): Pick<Access, 'createSignIn' | 'signIn' | 'signOut'> {
  return {
    async createSignIn({ role }, caller) {
      const token = randomToken()
      const expiresAt = clock.now() + SIGN_IN_MS
      await store.insertSignIn(sql, hashSecret(token), { project: caller.project, role, createdBy: caller.id, expiresAt })
      return { token, expiresAt }
    },
    async signIn({ token }) {
      const now = clock.now()
      const session = randomToken()
      return await sql.transaction(async (tx) => {
        const found = await store.takeSignIn(tx, hashSecret(token))
        if (!found || found.expiresAt <= now)
          throw new AppError(
            'unauthenticated',
            'this sign-in link was used or is over; get a new one with "setpoint access create-sign-in"',
          )
        const kept = { caller: found.createdBy, project: found.project, role: found.role, expiresAt: now + SESSION_MS }
        await store.insertSession(tx, hashSecret(session), kept)
        return { caller: kept.caller, project: kept.project, scopes: [...roleScopes[kept.role]], expiresAt: kept.expiresAt, session }
      })
    },
    async signOut(_input, caller) {
      const ended = caller.session !== undefined && (await store.deleteSession(sql, caller.session))
      forget()
      return { ended }
    },
  }
}
