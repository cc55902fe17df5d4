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

/**
 * What prometheus-adapter asks for, by its rules in docs/operations.md: the series it looks for, and the query it makes of a
 * template for pods of a namespace. A metric of Kubernetes has the name of the series.
 *
 * @throws Error when there are no such rules
 */
export function adapterExpressions(guide = read('../docs/operations.md')) {
  const [, block] = /^ *```yaml\n( *rules:\n[^`]*)^ *```$/m.exec(guide) ?? [];
  if (block === undefined) throw new Error('docs/operations.md has no rules of an adapter');
  return parse(block).rules.flatMap(({ seriesQuery, resources, metricsQuery }) => {
    const [series] = /^\w+/.exec(seriesQuery) ?? [];
    const matchers = Object.keys(resources.overrides).map((label) => `${label}=~"gatehouse"`);
    const query = metricsQuery
      .replaceAll('<<.Series>>', series)
      .replaceAll('<<.LabelMatchers>>', matchers.join());
    return [seriesQuery, query].map((expr) => ({ where: `adapter's rule for ${series}`, series, expr }));
  });
}

/** Each expression of the alerts, what the autoscaler goes by, and what the adapter asks for to tell it. */
export function ruleExpressions() {
  const { groups } = parse(read('prometheus/alerts.yaml'));
  const patch = parse(read('kubernetes/components/hash-queue-wait/autoscaler.yaml'));
  return [
    ...groups.flatMap(({ rules }) => rules.map(({ alert, expr }) => ({ where: alert, expr }))),
    ...patch.map(({ value }) => ({ where: 'HorizontalPodAutoscaler', expr: value.pods.metric.name })),
    ...adapterExpressions(),
  ];
}
