import { z } from 'zod'
import { endpoint, Scope } from './endpoint.ts'
import { Id, Instant, Name, Reason } from './scalars.ts'

/** What each role may do; an API key may narrow its role's scopes, never widen them. */
export const roleScopes = {
  viewer: ['read'],
  operator: ['read', 'predict', 'label', 'write'],
  approver: ['read', 'approve'],
  admin: ['read', 'predict', 'label', 'write', 'approve', 'admin'],
} as const satisfies Record<string, readonly Scope[]>

export const Role = z.enum(['viewer', 'operator', 'approver', 'admin'])
export type Role = z.infer<typeof Role>

export const ApiKey = z.object({
  id: Id,
  name: Name,
  project: Name,
  role: Role,
  scopes: z.array(Scope),
  createdAt: Instant,
  createdBy: z.string(),
  expiresAt: Instant.nullable(),
  revokedAt: Instant.nullable(),
})
export type ApiKey = z.infer<typeof ApiKey>

export const Project = z.object({ name: Name, createdAt: Instant, createdBy: z.string() })
export type Project = z.infer<typeof Project>

export const Session = z.object({ caller: z.string(), project: Name, scopes: z.array(Scope), expiresAt: Instant.nullable() })
export type Session = z.infer<typeof Session>

export const access = {
  createProject: endpoint({
    method: 'POST',
    path: '/api/v1/projects',
    summary: 'Create a project, isolated from every other',
    scope: 'admin',
    input: z.strictObject({ name: Name, reason: Reason.default('new project') }),
    output: Project,
    examples: ['setpoint access create-project --name fraud'],
  }),
  listProjects: endpoint({
    method: 'GET',
    path: '/api/v1/projects',
    summary: 'List the projects this key may enter',
    scope: 'read',
    input: z.strictObject({}),
    output: z.array(Project),
  }),
  createKey: endpoint({
    method: 'POST',
    path: '/api/v1/keys',
    summary: 'Create an API key; its secret is shown once and stored only as a hash',
    scope: 'admin',
    input: z.strictObject({
      name: Name,
      role: Role,
      scopes: z.array(Scope).min(1).optional().describe('a part of the role’s scopes; all of them when absent'),
      expiresInDays: z.coerce.number().positive().max(3_650).optional(),
      reason: Reason.default('new key'),
    }),
    output: ApiKey.extend({ secret: z.string() }),
    examples: ['setpoint access create-key --name shop --role operator --scopes predict,label --expires-in-days 90'],
  }),
  listKeys: endpoint({
    method: 'GET',
    path: '/api/v1/keys',
    summary: 'List the API keys of the project, without their secrets',
    scope: 'admin',
    input: z.strictObject({}),
    output: z.array(ApiKey),
  }),
  revokeKey: endpoint({
    method: 'DELETE',
    path: '/api/v1/keys/:id',
    summary: 'Revoke an API key at once',
    scope: 'admin',
    input: z.strictObject({ id: Id, reason: Reason.default('revoked by hand') }),
    output: ApiKey,
    examples: ['setpoint access revoke-key key_01k8 --reason "left the team"'],
  }),
  whoAmI: endpoint({
    method: 'GET',
    path: '/api/v1/session',
    summary: 'Read who this key or session belongs to and what it may do',
    scope: 'read',
    input: z.strictObject({}),
    output: Session,
  }),
  createSignIn: endpoint({
    method: 'POST',
    path: '/api/v1/sign-ins',
    summary: 'Create a one-time sign-in token for the console, good for 10 minutes',
    scope: 'admin',
    input: z.strictObject({ role: Role.default('admin') }),
    output: z.object({ token: z.string(), expiresAt: Instant }),
  }),
  signIn: endpoint({
    method: 'POST',
    path: '/api/v1/session',
    summary: 'Exchange a one-time sign-in token for a console session',
    scope: 'public',
    input: z.strictObject({ token: z.string().min(1).max(200) }),
    output: Session.extend({ session: z.string() }),
    cookie: 'session',
  }),
  signOut: endpoint({
    method: 'DELETE',
    path: '/api/v1/session',
    summary: 'End this console session',
    scope: 'read',
    input: z.strictObject({}),
    output: z.object({ ended: z.boolean() }),
    cookie: null,
  }),
}

export const SESSION_COOKIE = 'setpoint_session'
