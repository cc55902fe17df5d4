// Checks deploy/prometheus by promtool, and runs the tests of the alerts.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { findPromtool } from './promtool.mjs';

const cwd = fileURLToPath(new URL('../prometheus', import.meta.url));
const promtool = findPromtool();
if (promtool === undefined) {
  console.log('skipped: promtool: it is not here, and the Debian package prometheus cannot be had');
} else {
  for (const args of [
    ['check', 'rules', 'alerts.yaml'],
    ['test', 'rules', 'alerts.test.yaml'],
  ]) {
    const { status } = spawnSync(promtool, args, { cwd, stdio: 'inherit' });
    if (status !== 0) process.exitCode = 1;
  }
}
