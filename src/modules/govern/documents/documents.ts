import type { Change, Document, documents } from '../../../contract/documents.ts'
import type { Verbs } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import { type KindName, kinds, type Manifest, type Spec } from '../../../contract/kinds.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Sql, Tx } from '../../../infra/sql/index.ts'
import type { Ledger } from '../ledger/index.ts'
import { createChanges } from './changes.ts'
import { checkManifest, requireScope } from './manifest.ts'
import * as store from './store.ts'

/** A document with its spec checked and typed. */
export type Declared<K extends KindName> = Document & { readonly project: string; readonly kind: K; readonly spec: Spec<K> }

/** What a module says about a document of its kind before it is accepted, beyond its schema. Throws `invalid`. */
export type Rule<K extends KindName> = (
  document: Manifest & { readonly spec: Spec<K> },
  others: Lookup,
  /** The transaction of the apply, for rules that read their own module’s table. */
  within: { readonly project: string; readonly tx: Tx },
) => void | Promise<void>
export type Rules = { readonly [K in KindName]?: Rule<K> }
/** The documents as they would be after the apply. */
type Lookup = { has(kind: KindName, name: string): boolean }

export type Documents = Verbs<typeof documents> & {
  find<K extends KindName>(kind: K, project: string, name: string): Promise<Declared<K> | undefined>
  /** Throws `not_found` naming the kind and the command that would create it. */
  need<K extends KindName>(kind: K, project: string, name: string): Promise<Declared<K>>
  /** Every document of a kind in force, of one project or of all. */
  all<K extends KindName>(kind: K, project?: string): Promise<Declared<K>[]>
}

const order = Object.keys(kinds)

export function createDocuments(deps: { sql: Sql; clock: Clock; ledger: Ledger; bus: Bus; rules: Rules }): Documents {
  const { sql, clock, rules } = deps
  const { plan, write } = createChanges(deps)

  const verbs: Documents = {
    async apply({ documents: given, reason, dryRun }, caller) {
      const manifests = given.map((value, i) => checkManifest(value, i, caller))
      manifests.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind))
      return await sql.transaction(async (tx) => {
        const inForce = await store.listInForce(tx, { project: caller.project })
        const known = new Set([...inForce, ...manifests].map((document) => `${document.kind}/${document.metadata.name}`))
        const others: Lookup = { has: (kind, name) => known.has(`${kind}/${name}`) }
        const changes: Change[] = []
        for (const manifest of manifests) {
          const rule = rules[manifest.kind] as Rule<KindName> | undefined
          await rule?.(manifest as Manifest & { spec: Spec<KindName> }, others, { project: caller.project, tx })
          const { document, change } = await plan(tx, manifest, caller, reason)
          if (!dryRun && change.change !== 'unchanged') await write(tx, caller, document, change, false)
          changes.push(change)
        }
        return changes
      })
    },
    async list({ kind }, caller) {
      return (await store.listInForce(sql, { project: caller.project, kind })).map(({ project: _project, ...document }) => document)
    },
    async get({ kind, name, version }, caller) {
      const head = await store.findHead(sql, { project: caller.project, kind, name })
      if (!head || (head.deleted && version === undefined)) throw missing(kind, caller.project, name)
      const found = await store.findVersion(sql, { project: caller.project, kind, name }, version ?? head.version)
      if (!found) throw new AppError('not_found', `${kind} ${name} has no version ${version}; the latest is ${head.version}`)
      return found
    },
    async listVersions({ kind, name }, caller) {
      return await store.listVersions(sql, { project: caller.project, kind, name })
    },
    async delete({ kind, name, reason }, caller) {
      return await sql.transaction(async (tx) => {
        const key = { project: caller.project, kind, name }
        const head = await store.findHead(tx, key)
        const before = head && !head.deleted ? await store.findVersion(tx, key, head.version) : undefined
        if (!before) throw missing(kind, caller.project, name)
        requireScope(kind, name, caller)
        const version = before.version + 1
        const change: Change = { kind, name, change: 'deleted', version, fields: [] }
        await write(tx, caller, { ...before, version, appliedAt: clock.now(), appliedBy: caller.id, reason }, change, true)
        return change
      })
    },
    async find(kind, project, name) {
      const head = await store.findHead(sql, { project, kind, name })
      const found = head && !head.deleted ? await store.findVersion(sql, { project, kind, name }, head.version) : undefined
      return found && declared(kind, { ...found, project })
    },
    async need(kind, project, name) {
      const found = await verbs.find(kind, project, name)
      if (!found) throw missing(kind, project, name)
      return found
    },
    async all(kind, project) {
      return (await store.listInForce(sql, { kind, project })).map((document) => declared(kind, document))
    },
  }
  return verbs
}

/** A stored spec is parsed again, so that a default added since it was applied is filled in. */
function declared<K extends KindName>(kind: K, document: Document & { project: string }): Declared<K> {
  return { ...document, kind, spec: kinds[kind].spec.parse(document.spec) as Spec<K> }
}

function missing(kind: KindName, project: string, name: string): AppError {
  return new AppError('not_found', `project ${project} has no ${kind} ${name}; declare it in a file and run "setpoint apply"`, {
    kind,
    name,
  })
}
