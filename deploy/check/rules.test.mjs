import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import { findPromtool } from './promtool.mjs';

const folder = fileURLToPath(new URL('../prometheus', import.meta.url));
const read = (name) => parse(readFileSync(path.join(folder, name), 'utf8'));
const alerts = read('alerts.yaml').groups.flatMap(({ rules }) => rules);
const { tests, ...settings } = read('alerts.test.yaml');
const promtool = findPromtool();

/** How promtool ends when these tests meet this alert alone. */
function run(t, rule, own) {
  const copy = mkdtempSync(path.join(tmpdir(), 'gatehouse-alerts-'));
  t.after(() => rmSync(copy, { recursive: true }));
  const groups = [{ name: 'one', rules: [rule] }];
  writeFileSync(path.join(copy, 'alerts.yaml'), stringify({ groups }));
  writeFileSync(path.join(copy, 'alerts.test.yaml'), stringify({ ...settings, tests: own }));
  const { status, stderr } = spawnSync(promtool, ['test', 'rules', 'alerts.test.yaml'], {
    cwd: copy,
    encoding: 'utf8',
  });
  return { status, stderr };
}

for (const rule of alerts) {
  const isOwn = ({ alertname }) => alertname === rule.alert;
  const own = tests.filter(({ alert_rule_test: asked }) => asked.every(isOwn));
  const fires = own.map(({ alert_rule_test: [{ exp_alerts: expected }] }) => expected.length > 0);

  test(`${rule.alert} is tested to fire, and to be silent`, () => {
    assert.deepEqual([...new Set(fires)].sort(), [false, true]);
  });

  const skip = !promtool && 'promtool cannot be had here';
  test(`the tests of ${rule.alert} notice when it never or always fires`, { skip }, (t) => {
    assert.equal(run(t, rule, own).status, 0);
    for (const expr of ['vector(1) > 2', 'vector(1)']) {
      const { status, stderr } = run(t, { ...rule, expr, for: '0s' }, own);
      assert.equal(status, 1);
      assert.match(stderr, new RegExp(`alertname: ${rule.alert},`));
    }
  });
}
