import type { Alert } from '../../src/contract/alerts.ts'

/** Alerts that say the same of the same deployment. */
export type AlertGroup = { readonly newest: Alert; readonly ids: readonly string[] }

/** Groups firing alerts by what they say; pages before tickets, then by the newest of each group. */
export function groupAlerts(alerts: readonly Alert[]): AlertGroup[] {
  const groups = new Map<string, Alert[]>()
  for (const alert of alerts) {
    const key = JSON.stringify([alert.rule, alert.event, alert.deployment, alert.severity, alert.title])
    groups.set(key, [...(groups.get(key) ?? []), alert])
  }
  return [...groups.values()]
    .map((group) => group.sort((a, b) => b.at - a.at))
    .map((group) => ({ newest: group[0]!, ids: group.map((alert) => alert.id) }))
    .sort((a, b) => Number(b.newest.severity === 'page') - Number(a.newest.severity === 'page') || b.newest.at - a.newest.at)
}
