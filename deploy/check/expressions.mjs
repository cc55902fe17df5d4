import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

const read = (name) => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8');

/** A duration of Grafana's, which is no PromQL, made one that is. */
export const withDurations = (expression) => expression.replaceAll('$__rate_interval', '5m');

/** Each expression of the dashboard, and the panel where it stands. */
export function dashboardExpressions() {
  const { panels } = JSON.parse(read('grafana/dashboard.json'));
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ where: `panel "${title}"`, expr: withDurations(expr) })),
  );
}

/** Each expression of the alerts, and what the autoscaler goes by. */
export function ruleExpressions() {
  const { groups } = parse(read('prometheus/alerts.yaml'));
  const patch = parse(read('kubernetes/components/hash-queue-wait/autoscaler.yaml'));
  return [
    ...groups.flatMap(({ rules }) => rules.map(({ alert, expr }) => ({ where: alert, expr }))),
    ...patch.map(({ value }) => ({ where: 'HorizontalPodAutoscaler', expr: value.pods.metric.name })),
  ];
}
