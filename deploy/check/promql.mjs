import { parser } from '@prometheus-io/lezer-promql';

/** Labels that Prometheus adds to every series that it scrapes. */
export const targetLabels = ['job', 'instance', 'namespace', 'pod', 'container'];

/**
 * What an expression asks for.
 *
 * @param {string} expression PromQL; a variable of Grafana's may stand for the value of a label
 * @returns {{ selectors: Selector[], groupings: { labels: string[], selectors: Selector[] }[] }} what it selects, and
 *   by which labels it groups what of that
 * @typedef {{ metric: string, matchers: { label: string, operator: string, value: string }[] }} Selector
 * @throws Error when it is not PromQL
 */
export function parse(expression) {
  const found = { selectors: [], groupings: [] };
  visit(parser.parse(expression).topNode, expression, found);
  if (found.selectors.length === 0) throw new Error(`no series are selected in ${expression}`);
  return found;
}

function visit(node, text, found) {
  if (node.type.isError) throw new Error(`not PromQL near "${text.slice(node.from - 20, node.to + 20)}"`);
  if (node.name === 'VectorSelector') found.selectors.push(selector(node, text));
  const inside = { selectors: [], groupings: [] };
  for (let child = node.firstChild; child; child = child.nextSibling) visit(child, text, inside);
  if (node.name === 'AggregateExpr' && node.getChild('AggregateModifier')?.getChild('By')) {
    const labels = all(node.getChild('AggregateModifier').getChild('GroupingLabels'), 'LabelName', text);
    found.groupings.push({ labels, selectors: inside.selectors });
  }
  found.selectors.push(...inside.selectors);
  found.groupings.push(...inside.groupings);
}

function all(node, name, text) {
  return node.getChildren(name).map(({ from, to }) => text.slice(from, to));
}

function selector(node, text) {
  const [metric] = all(node, 'Identifier', text);
  if (metric === undefined) throw new Error(`no metric is named in ${text.slice(node.from, node.to)}`);
  const matchers = (node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? []).map(
    (matcher) => {
      const [label] = all(matcher, 'LabelName', text);
      const [operator] = all(matcher, 'MatchOp', text);
      const [quoted] = all(matcher, 'StringLiteral', text);
      return { label, operator, value: JSON.parse(quoted) };
    },
  );
  return { metric, matchers };
}

/**
 * What is in the text that Prometheus scrapes.
 *
 * @returns {Map<string, Record<string, string>[]>} for each metric as PromQL names it, the labels of its series
 */
export function parseScrape(text) {
  const metrics = new Map();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, name, labels = ''] = /^(\w+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    if (name === undefined) throw new Error(`not understood: ${line}`);
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label, value]) => [
      label,
      value,
    ]);
    metrics.set(name, [...(metrics.get(name) ?? []), Object.fromEntries(pairs)]);
  }
  return metrics;
}

/**
 * What of an expression a scrape cannot answer.
 *
 * @param {Map<string, Record<string, string>[]>} metrics as parseScrape gives them
 * @returns {string[]} a line for each thing that is named and not there
 */
export function missingFrom(metrics, expression) {
  const { selectors, groupings } = parse(expression);
  const scraped = new Map([...metrics, ['up', [{}]]]);
  const unknown = selectors.flatMap((each) => missingOfSelector(scraped, each));
  const ungrouped = groupings.flatMap(({ labels, selectors: inside }) =>
    inside.flatMap(({ metric }) =>
      labels
        .filter((label) => !hasLabel(scraped, metric, label))
        .map((label) => `${metric} has no label ${label}`),
    ),
  );
  return [...new Set([...unknown, ...ungrouped])];
}

function hasLabel(metrics, metric, label) {
  return targetLabels.includes(label) || (metrics.get(metric) ?? []).some((labels) => label in labels);
}

function missingOfSelector(metrics, { metric, matchers }) {
  const series = metrics.get(metric);
  if (series === undefined) return [`there is no ${metric}`];
  const own = matchers.filter(({ label }) => !targetLabels.includes(label));
  const unlabelled = own.filter(({ label }) => !hasLabel(metrics, metric, label));
  if (unlabelled.length > 0) return unlabelled.map(({ label }) => `${metric} has no label ${label}`);
  // Each word of a choice has to be a value that there is, in a series that the other matchers let through
  const choices = own.map((matcher) =>
    matcher.operator === '=~' ? matcher.value.split('|').map((value) => ({ ...matcher, value })) : [matcher],
  );
  return combinations(choices)
    .filter((chosen) => !series.some((labels) => chosen.every((matcher) => matches(matcher, labels))))
    .map(
      (chosen) =>
        `${metric} has no series with ${chosen.map(({ label, operator, value }) => `${label}${operator}"${value}"`)}`,
    );
}

function combinations(choices) {
  return choices.reduce((made, some) => made.flatMap((each) => some.map((one) => [...each, one])), [[]]);
}

function matches({ label, operator, value }, labels) {
  const is = labels[label] ?? '';
  const same = operator.endsWith('~') ? new RegExp(`^(?:${value})$`).test(is) : is === value;
  return operator.startsWith('!') ? !same : same;
}
