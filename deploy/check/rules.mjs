// Checks deploy/prometheus by promtool, runs the tests of the alerts, and has promtool read the queries of the dashboard and
// of the adapter for the autoscaler, as rules that nobody loads.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { adapterExpressions, dashboardExpressions } from './expressions.mjs';
import { findPromtool } from './promtool.mjs';

const cwd = fileURLToPath(new URL('../prometheus', import.meta.url));
const promtool = findPromtool();

function check(...args) {
  const { status } = spawnSync(promtool, args, { cwd, stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}

if (promtool === undefined) {
  console.log('skipped: promtool: it is not here, and the Debian package prometheus cannot be had');
} else {
  check('check', 'rules', 'alerts.yaml');
  check('test', 'rules', 'alerts.test.yaml');
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-queries-'));
  const queries = [...dashboardExpressions(), ...adapterExpressions()];
  const rules = queries.map(({ expr }, index) => ({ record: `query:${index}`, expr }));
  const file = path.join(folder, 'queries.yaml');
  writeFileSync(file, stringify({ groups: [{ name: 'queries', rules }] }));
  check('check', 'rules', file);
  rmSync(folder, { recursive: true });
}
