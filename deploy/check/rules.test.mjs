import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import { findPromtool } from './promtool.mjs';

const folder = fileURLToPath(new URL('../prometheus', import.meta.url));
const read = (name) => parse(readFileSync(path.join(folder, name), 'utf8'));
const alerts = read('alerts.yaml').groups.flatMap(({ rules }) => rules);
const cases = read('alerts.test.yaml').tests.flatMap(({ alert_rule_test: all }) => all);
const promtool = findPromtool();

for (const { alert } of alerts) {
  test(`${alert} is tested to fire, and to be silent`, () => {
    const own = cases.filter(({ alertname }) => alertname === alert);
    const firing = own.filter(({ exp_alerts: expected }) => expected.length > 0);
    assert.ok(firing.length >= 1 && own.length > firing.length);
  });

  test(`the tests of ${alert} notice when it never or always fires`, {
    skip: !promtool && 'there is no promtool here',
  }, (t) => {
    for (const expr of ['vector(1) > 2', 'vector(1)']) {
      const copy = mkdtempSync(path.join(tmpdir(), 'gatehouse-alerts-'));
      t.after(() => rmSync(copy, { recursive: true }));
      cpSync(folder, copy, { recursive: true });
      const { groups } = read('alerts.yaml');
      for (const { rules } of groups)
        for (const rule of rules) if (rule.alert === alert) Object.assign(rule, { expr, for: '0s' });
      writeFileSync(path.join(copy, 'alerts.yaml'), stringify({ groups }));
      const { status, stdout, stderr } = spawnSync(promtool, ['test', 'rules', 'alerts.test.yaml'], {
        cwd: copy,
        encoding: 'utf8',
      });
      assert.equal(status, 1, stdout + stderr);
      assert.match(stdout + stderr, new RegExp(`alertname: ${alert},`));
    }
  });
}
