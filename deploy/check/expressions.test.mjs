import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { adapterExpressions, ruleExpressions } from './expressions.mjs';
import { missingFrom, parseScrape } from './promql.mjs';

const guide = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
const metric = 'gatehouse_password_hash_estimated_wait_seconds';
const metrics = parseScrape(`${metric} 0\n`);
const missing = (text) => adapterExpressions(text).flatMap(({ expr }) => missingFrom(metrics, expr));

/** The guide after a change, which changes something. */
function changed(from, to) {
  const text = guide.replaceAll(from, to);
  assert.notEqual(text, guide);
  return text;
}

test('the rule of the adapter tells what the autoscaler goes by, and its queries are answered', () => {
  const autoscaler = ruleExpressions().filter(({ where }) => where === 'HorizontalPodAutoscaler');
  assert.deepEqual(
    autoscaler.map(({ expr }) => expr),
    [metric],
  );
  const rules = adapterExpressions();
  assert.deepEqual(
    rules.map(({ series }) => series),
    [metric, metric],
  );
  assert.deepEqual(missing(guide), []);
});

test('a rule for what is not there is found', () => {
  const other = metric.replace('estimated_', '');
  assert.deepEqual(missing(changed(metric, other)), Array(2).fill(`there is no ${other}`));
});

test('a rule with a mistake is refused', () => {
  for (const [from, to] of [
    ['<<.LabelMatchers>>', '<<.LabelMatcher>>'],
    ['<<.Series>>{', '<<.Series>>'],
    [`'${metric}{namespace!=""`, `'${metric}{namespace!=`],
    ['[1m])', '1m)'],
  ])
    assert.throws(() => missing(changed(from, to)), from);
  assert.throws(() => adapterExpressions('# A guide without one\n'), /no rules/);
});
