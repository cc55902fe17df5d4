import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missingFrom, parse, parseScrape } from './promql.mjs';

const metrics = parseScrape(`# HELP logins_total Logins
# TYPE logins_total counter
logins_total{outcome="succeeded"} 3
logins_total{outcome="refused"} 0
# TYPE duration_seconds histogram
duration_seconds_bucket{le="0.5",route="/me",status_code="200"} 1
duration_seconds_bucket{le="+Inf",route="/me",status_code="200"} 1
duration_seconds_bucket{le="+Inf",route="/login",status_code="503"} 1
duration_seconds_sum{route="/me",status_code="200"} 0.3
queue_depth 0
`);

const answered = [
  'queue_depth',
  'up{job="gatehouse", instance="a"} == 0',
  'sum by (job, outcome) (rate(logins_total{job=~"$job"}[5m]))',
  'rate(logins_total{outcome=~"succeeded|refused"}[5m])',
  'rate(logins_total{outcome!="busy"}[5m]) / on (instance) group_left queue_depth',
  'histogram_quantile(0.99, sum by (le, route) (rate(duration_seconds_bucket{route!~"/livez|/readyz"}[5m])))',
  'sum(rate(duration_seconds_bucket{status_code=~"5.."}[5m]))',
];
for (const expression of answered)
  test(`is answered: ${expression}`, () => assert.deepEqual(missingFrom(metrics, expression), []));

const unanswered = {
  'rate(login_total[5m])': ['there is no login_total'],
  'queue_depth + waiting': ['there is no waiting'],
  'logins_total{result="refused"}': ['logins_total has no label result'],
  'logins_total{outcome="denied"}': ['logins_total has no series with outcome="denied"'],
  'logins_total{outcome=~"refused|denied"}': ['logins_total has no series with outcome=~"denied"'],
  'duration_seconds_sum{status_code=~"5.."}': ['duration_seconds_sum has no series with status_code=~"5.."'],
  'sum by (result) (logins_total)': ['logins_total has no label result'],
  'sum by (route) (rate(logins_total[5m]))': ['logins_total has no label route'],
  'histogram_quantile(0.9, sum by (le) (rate(duration_seconds_sum[5m])))': [
    'duration_seconds_sum has no label le',
  ],
};
for (const [expression, missing] of Object.entries(unanswered))
  test(`is not answered: ${expression}`, () => assert.deepEqual(missingFrom(metrics, expression), missing));

test('what is no PromQL is refused', () => {
  for (const expression of [
    'sum(',
    'rate(logins_total[$__rate_interval])',
    'rate(logins_total[5m)',
    'logins_total{outcome=}',
    '1 + 1',
    '',
  ])
    assert.throws(() => parse(expression), expression);
});

test('a scrape that is not understood is refused', () => {
  assert.throws(() => parseScrape('<html>'), /not understood/);
});
