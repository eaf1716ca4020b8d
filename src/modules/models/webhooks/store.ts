import type { Webhook } from '../../../contract/webhooks.ts'
import type { Db } from '../../../infra/sql/index.ts'
import { createRecords } from '../../../infra/sql/records.ts'

type Tables = { webhook_secrets: { webhook: string; project: string; secret: string } }

const tables = (db: Db) => db.db.withTables<Tables>()

export function createWebhookRecords(dialect: 'sqlite' | 'postgresql') {
  return createRecords<Webhook>('webhooks', ({ status, createdAt }) => ({ deployment: null, state: status, at: createdAt }), dialect)
}

export async function saveSecret(db: Db, project: string, webhook: string, secret: string): Promise<void> {
  await tables(db)
    .insertInto('webhook_secrets')
    .values({ webhook, project, secret })
    .onConflict((conflict) => conflict.column('webhook').doUpdateSet({ secret }))
    .execute()
}

export async function readSecretOf(db: Db, project: string, webhook: string): Promise<string | undefined> {
  const row = await tables(db)
    .selectFrom('webhook_secrets')
    .select('secret')
    .where('webhook', '=', webhook)
    .where('project', '=', project)
    .executeTakeFirst()
  return row?.secret
}

export async function deleteWebhook(db: Db, project: string, webhook: string): Promise<void> {
  await tables(db).deleteFrom('webhook_secrets').where('webhook', '=', webhook).where('project', '=', project).execute()
  await db.db
    .withTables<{ webhooks: { id: string; project: string } }>()
    .deleteFrom('webhooks')
    .where('id', '=', webhook)
    .where('project', '=', project)
    .execute()
}
