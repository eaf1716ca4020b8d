import type { ApiKey, Project, Role } from '../../../contract/access.ts'
import type { Scope } from '../../../contract/endpoint.ts'
import type { Db } from '../../../infra/sql/index.ts'
import type { AuditedTable } from '../ledger/index.ts'

export const projectsTable: AuditedTable = { table: 'projects', key: ['name'] }
export const keysTable: AuditedTable = { table: 'api_keys', key: ['id'] }

type KeyRow = {
  id: string
  project: string
  name: string
  role: string
  scopes: string
  secret_hash: string
  created_at: number
  created_by: string
  expires_at: number | null
  revoked_at: number | null
}
type TokenRow = { token_hash: string; project: string; role: string; expires_at: number }
type Tables = {
  projects: { name: string; created_at: number; created_by: string }
  api_keys: KeyRow
  sign_ins: TokenRow & { created_by: string }
  sessions: TokenRow & { caller: string }
}
export type StoredKey = ApiKey & { readonly secretHash: string }
export type StoredSession = { readonly caller: string; readonly project: string; readonly role: Role; readonly expiresAt: number }

const tables = (db: Db) => db.db.withTables<Tables>()

export async function insertProject(db: Db, project: Project): Promise<void> {
  await tables(db)
    .insertInto('projects')
    .values({ name: project.name, created_at: project.createdAt, created_by: project.createdBy })
    .execute()
}

export async function findProject(db: Db, name: string): Promise<Project | undefined> {
  const row = await tables(db).selectFrom('projects').selectAll().where('name', '=', name).executeTakeFirst()
  return row && { name: row.name, createdAt: row.created_at, createdBy: row.created_by }
}

export async function listProjects(db: Db): Promise<Project[]> {
  const rows = await tables(db).selectFrom('projects').selectAll().orderBy('name').execute()
  return rows.map((row) => ({ name: row.name, createdAt: row.created_at, createdBy: row.created_by }))
}

export async function insertKey(db: Db, key: StoredKey): Promise<void> {
  await tables(db)
    .insertInto('api_keys')
    .values({
      id: key.id,
      project: key.project,
      name: key.name,
      role: key.role,
      scopes: JSON.stringify(key.scopes),
      secret_hash: key.secretHash,
      created_at: key.createdAt,
      created_by: key.createdBy,
      expires_at: key.expiresAt,
      revoked_at: key.revokedAt,
    })
    .execute()
}

export async function findKey(db: Db, id: string): Promise<StoredKey | undefined> {
  const row = await tables(db).selectFrom('api_keys').selectAll().where('id', '=', id).executeTakeFirst()
  return row && keyFromRow(row)
}

export async function listKeys(db: Db, project: string): Promise<StoredKey[]> {
  return (await tables(db).selectFrom('api_keys').selectAll().where('project', '=', project).orderBy('id').execute()).map(keyFromRow)
}

export async function markRevoked(db: Db, id: string, revokedAt: number): Promise<void> {
  await tables(db).updateTable('api_keys').set({ revoked_at: revokedAt }).where('id', '=', id).execute()
}

export async function insertSignIn(
  db: Db,
  tokenHash: string,
  signIn: { project: string; role: Role; createdBy: string; expiresAt: number },
): Promise<void> {
  const { project, role, createdBy, expiresAt } = signIn
  await tables(db)
    .insertInto('sign_ins')
    .values({ token_hash: tokenHash, project, role, created_by: createdBy, expires_at: expiresAt })
    .execute()
}

/** Takes a sign-in out of the store, so that it works once only; undefined when there is none. */
export async function takeSignIn(
  db: Db,
  tokenHash: string,
): Promise<{ project: string; role: Role; createdBy: string; expiresAt: number } | undefined> {
  const row = await tables(db).deleteFrom('sign_ins').where('token_hash', '=', tokenHash).returningAll().executeTakeFirst()
  return row && { project: row.project, role: row.role as Role, createdBy: row.created_by, expiresAt: row.expires_at }
}

export async function insertSession(db: Db, tokenHash: string, session: StoredSession): Promise<void> {
  const { caller, project, role, expiresAt } = session
  await tables(db).insertInto('sessions').values({ token_hash: tokenHash, caller, project, role, expires_at: expiresAt }).execute()
}

export async function findSession(db: Db, tokenHash: string): Promise<StoredSession | undefined> {
  const row = await tables(db).selectFrom('sessions').selectAll().where('token_hash', '=', tokenHash).executeTakeFirst()
  return row && { caller: row.caller, project: row.project, role: row.role as Role, expiresAt: row.expires_at }
}

export async function deleteSession(db: Db, tokenHash: string): Promise<boolean> {
  const result = await tables(db).deleteFrom('sessions').where('token_hash', '=', tokenHash).executeTakeFirst()
  return result.numDeletedRows > 0n
}

export async function deleteExpired(db: Db, nowMs: number): Promise<void> {
  await tables(db).deleteFrom('sign_ins').where('expires_at', '<', nowMs).execute()
  await tables(db).deleteFrom('sessions').where('expires_at', '<', nowMs).execute()
}

function keyFromRow(row: KeyRow): StoredKey {
  return {
    id: row.id,
    project: row.project,
    name: row.name,
    role: row.role as Role,
    scopes: JSON.parse(row.scopes) as Scope[],
    secretHash: row.secret_hash,
    createdAt: row.created_at,
    createdBy: row.created_by,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
  }
}
